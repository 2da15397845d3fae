"""Every sentence that the page shows, in English.

Fields in braces are filled in by the tabs, and escaped there for HTML.
"""

LANGUAGE = "English"
TITLE = "Keepsake"
TAGLINE = "An assistant that keeps you in its weights. Everything stays on this machine."

# Header
PROFILE = "Profile"
NEW_PROFILE = "New profile"
NEW_PROFILE_HINT = "a name, such as Nora"
CREATE = "Create"
DEMO = "Try the demo"
DEMO_READY = "The demo person is imported: {messages} messages of an invented life. Now press Start."
NO_PROFILE = "No profile is chosen yet: try the demo, or use your own chats."
OTHER_LANGUAGES = "Other languages"
LOOK = "Light or dark"
SUMMARY = "{messages} messages · {facts} facts · {adapter}"
HAS_ADAPTER = "adapter of {created}"
HAS_NO_ADAPTER = "no adapter yet"
CHOOSE_PROFILE = "Choose or create a profile first."

# Tabs
TABS = {
    "welcome": "Welcome", "import": "1 Import", "memories": "2 Memories", "inject": "3 Inject", "chat": "4 Chat", "results": "5 Results",
    "profiles": "Profiles",
}  # fmt: skip

# Welcome
WELCOME_TITLE = "An assistant that remembers you"
WELCOME = (
    "Keepsake reads what you once wrote and trains a small part of a language model on it, so that the model itself remembers you. "
    "Then you chat with it side by side, blind, against one that looks things up, and find out which of the two remembers you better."
)
PICTURE = {
    "alt": "Your chats become a small trained part inside a language model, and you compare two nameless answers.",
    "chats": "your chats", "weights": "a trained part", "blind": "a blind test",
}  # fmt: skip
YOUR_NAME = "Your name"
USE_MINE = "Use my chats"
OWN_PROFILE = "me"
NEXT_STEPS = {"import": "Go on: import chats of {name}", "inject": "Go on: inject what {name} said", "chat": "Go on: chat as {name}"}
MACHINE_CPU = (
    "This machine: {cores} processor cores, {memory:.0f} GB of memory ({free:.0f} GB free), no GPU found. The base model {base} fits and works "
    "offline: a quick injection takes about {quick:.0f} minutes, a normal one about {normal:.0f}."
)
MACHINE_GPU = (
    "This machine: a GPU with {gpu:.0f} GB and {memory:.0f} GB of memory. The largest suggested base model that fits is {base}; with the embedded "
    "pocket a quick injection takes about {quick:.0f} minutes, a normal one about {normal:.0f}."
)
SHARED_NOTICE = (
    "This is a public server, not your own machine. What you import lies in a folder that only your browser can reach, and is deleted when you "
    "close the page unless you sign in. For private chats run Keepsake at home: it is the same program."
)

# Import
FILES = "Chat exports"
FILES_HINT = (
    "WhatsApp, Telegram, Signal, Discord, Slack, Messenger, Instagram, iMessage, ChatGPT, Claude, Gemini, Open WebUI, LibreChat, e-mail (mbox), notes, "
    "JSON lines or CSV; ZIPs as they come. Dropped files are first only looked at, and deleted from the page once they are imported or removed."
)
FILE_TYPES = [".zip", ".json", ".jsonl", ".txt", ".csv", ".md", ".html", ".mbox", ".eml"]
IMPORT = "Import"
IMPORT_COUNT = "Import {count} messages"
PREPARING = "Preparing the search: {done} of {total} texts. You can go on meanwhile."
UNDO = "Undo this import"
UNDONE = "Undone: {messages} messages and {facts} facts are gone. The same file can be imported again."
NO_FILES = "Drop at least one chat export on the field first."
LARGEST_UPLOAD = "2gb"
IMPORTED = "{imported} imported, {duplicates} there already, {skipped} skipped."
IMPORTED_NOTHING_NEW = "Nothing new: all {duplicates} messages were there already."
SKIPPED = "Skipped: {count} {reason}."
REPORT = "{kept} messages of {format} would be imported; {skipped} of {read} records are left out. Nothing is stored yet."
CONVERSATION, CONVERSATIONS = "{count} conversation", "{count} conversations"
PERIOD = "{start} to {end}, {conversations}."
DROPPED_HEAD = ("Left out", "Records", "For instance")
REDACTED_HEAD = ("Replaced by a placeholder", "Times", "For instance")
GAP = "Nothing was said in {conversation} for {days} days ({from} to {to}): if you remember otherwise, the export may lack a part."
EXAMPLES_HEAD = ("When", "Who", "Said")
BEGINNING = "It begins"
DATES = "Dates were read as {order}."
DATE_ORDER = "Which way round are the dates?"
DATE_ORDER_INFO = "The file does not settle it. Look at the dates of the first messages below."
DATE_ORDERS = [("3/5 is 3 May", "day-month-year"), ("3/5 is March 5", "month-day-year")]
REDACT = "Replace e-mail addresses, phone and card numbers, keys and passwords by placeholders"
REDACT_INFO = "They are then neither stored nor learnt. Names and hints in plain words are not recognised."
MASK = "Call everybody but me Person 1, Person 2, ..."
WHICH_IS_YOU = "Which one is you?"
WHICH_IS_YOU_INFO = "Only your own words are studied. A wrong guess can be corrected at any time."
ME_CHANGED = "You are {sender} now."
SENDER, MESSAGES, IS_YOU = "Sender", "Messages", "You"
ABOUT_YOU = "About you"
FORM = {"name": "Name", "birthday": "Birthday", "city": "City", "job": "Job", "languages": "Languages"}
ABOUT_TEXT = "Anything else, in your own words"
SAVE_FORM = "Save"
FORM_SAVED = "Saved. What you wrote counts as facts from the next injection on."
NEWEST = "Newest messages"
NO_MESSAGES = "No messages yet."
UNDATED = "undated"
EXCLUDED = "excluded"

# Memories
MEMORIES = "Facts about you (tick those to act on)"
MEMORIES_ALL = "facts in all"
MEMORY_STATES = {
    "learnt": "learnt",
    "new": "not learnt yet",
    "stale": "stale",
    "replaced": "replaced",
    "skipped": "not to be learnt",
    "pinned": "pinned",
}
MEMORY_STATES_MEAN = (
    "Learnt: the adapter in use knows it. Not learnt yet: it comes with the next injection. Stale: the adapter still holds what you changed or took "
    "out; inject again. Replaced: a newer fact says otherwise. Pinned: a newer fact will not replace it."
)
MEMORY_SOURCES = {"study": "read in your messages", "profile": "from your form", "user": "typed by you"}
MEMORY_FROM = "\u201c{said}\u201d ({place})"
MEMORY_TYPED = "No message says this: it was typed."
PINNED_MARK = "\u2605 "
MEMORIES_PLACE = "{first} to {last} of {total}"
MEMORIES_NONE = "No facts here. Facts are read in your messages during an injection; you can also type them below."
SEARCH, SEARCH_HINT = "Search", "a word, such as cat"
STATE, SOURCE, ANY = "State", "Where from", "any"
BACK, FORWARD = "Back", "Forward"
TICKED = "{count} ticked."
TICK_FIRST = "Tick at least one fact first."
TICK_ONE = "Tick exactly one fact to change its words."
MEMORY_ACTIONS = {"pin": "Pin", "unpin": "Unpin", "skip": "Do not learn", "learn": "Learn again"}
MEMORIES_DONE = {
    "pin": "{count} pinned: a newer fact will not replace them.",
    "unpin": "{count} no longer pinned.",
    "skip": "{count} will not be learnt and not be looked up. Inject again if the adapter already knows them.",
    "learn": "{count} will be learnt with the next injection.",
}
DELETE = "Delete"
DELETE_SURE = "The ticked facts will be gone for good, and adapters that were trained on them are not used any more. Their messages stay, but are not studied again."
DELETE_YES, KEEP = "Yes, delete", "Keep"
MEMORIES_DELETED = (
    "{facts} facts are gone for good; {adapters} adapters that were trained on them are not used until you inject again. "
    "Certificate of deletion: number {certificate}."
)
EDIT, SAVE_FACT = "Change its words", "Save"
MEMORY_EDITED = "Saved. The adapter learns the new words with the next injection."
ADD_FACT, ADD_FACT_HINT, ADD = "Add a fact about you", "Your cat is called Biscuit.", "Add"
MEMORY_ADDED = "Added. It is looked up from now on and learnt with the next injection."
EXPORT_MEMORIES = "Export as JSON"
DELETE_EVERYTHING = "Delete everything about this person"
DELETE_EVERYTHING_TEXT = "Messages, facts, adapters, chats, votes and the form are deleted, and the files are then searched for what was in them. Only the name stays."
DELETE_EVERYTHING_LABEL = "Type the profile's name to confirm"
DELETE_EVERYTHING_YES = "Delete everything"
TYPE_THE_NAME = 'Type "{name}" into the field to confirm.'
EVERYTHING_GONE = (
    "Gone: {rows}. Proof: 0 rows are left, and none of {texts} longest texts stands in the {megabytes:.1f} MB of files that were searched."
)
SOMETHING_LEFT = (
    "Deleted: {rows}. But {left} rows are left and {found} of {texts} texts still stand in the {megabytes:.1f} MB of files: another process may be "
    "using them; close it and start Keepsake again, which finishes the deletion."
)
ROWS = {
    "messages": "messages", "facts": "facts", "runs": "runs", "adapters": "adapters", "turns": "answers", "reports": "reports",
    "examples": "examples", "votes": "votes",
}  # fmt: skip

# Inject
DIAL = "How thorough?"
DIAL_PLAIN = {"quick": "Quick", "normal": "Normal", "thorough": "Thorough"}
DIAL_CHOICE = "{name}: {trials} trials, about {minutes} min"
DIAL_INFO = "Each trial trains an adapter with other settings; the one that answers held-out questions best is kept."
BASE = "Base model"
BASE_INFO = "pocket is embedded and works offline. A folder or a hub name (owner/name@revision) also works."
BASE_ACCORDION = "Base model and this machine"
BASE_HUB_NOTE = "A hub model is downloaded once from huggingface.co. Nothing about you is sent."
BASE_CHOICE = "{id} ({parameters}, {licence}, needs about {memory} GiB)"
POCKET_CHOICE = "pocket (embedded, offline, needs about 1 GiB)"
MACHINE_UNKNOWN = "Looking at this machine ..."
ESTIMATE = "{dial} on {base}: about {minutes:.0f} minutes for {messages} messages, and about {memory:.1f} GB of memory."
ESTIMATE_LAST = "{dial}: the last one took {minutes:.1f} minutes and {memory:.1f} GB of memory."
FETCHED = "Start fetches {name}, revision {revision}, from the hub, unless this machine has it already."
FETCHED_MAIN = (
    "Start fetches {name} from the hub, unless this machine has it already: revision {revision}, whatever that is today. "
    "Write {name}@COMMIT for one that stays the same."
)
START, PAUSE, RESUME, CANCEL = "Start", "Pause", "Resume", "Cancel"
PAUSED = "paused"
TIME_LEFT = "about {left} left"
TIME_UNKNOWN = "time left not known yet"
RECALL_NOW = "held-out questions: {recall:.0%} to the letter, {abstention:.0%} rightly declined"
CURVE_LOSS = "Loss, trial {trial}"
CURVE_RECALL = "Held-out recall"
PLOTS = "How the search went"
PLOT_TITLES = {
    "history": "Every trial and the best so far", "importance": "What mattered most", "size": "Quality against size", "score": "recall less inventions",
    "trial": "trial", "parameters": "parameters of the adapter", "parameter": "setting",
}  # fmt: skip
CANCELLING = "Cancelling at the next step ..."
NOTHING_TO_CANCEL = "Nothing is running."
NEVER_RUN = "Nothing injected yet. Choose how thorough and press Start."
NOTHING_TO_INJECT = "This profile is empty: import a chat or fill in the form first."
BUSY_RUN = "This profile is busy with run {run} ({done:.0%} done): wait for it to finish or cancel it first."
BUSY_STARTING = "An injection of this profile is just starting: wait for it or cancel it first."
STARTING = "Starting the process ..."
NEXT_SLICE = "The GPU of this Space is lent for a while at a time. What was trained is saved; it goes on when the GPU is lent again ..."
NOT_FETCHED = "The base model {name} could not be fetched from the hub: {reason}"
STAGES = {
    "": "Waiting to start",
    "load": "Loading the base model",
    "study": "Studying your messages",
    "questions": "Writing questions about each fact",
    "examples": "Making examples",
    "search": "Training and comparing adapters",
    "retrieval": "Choosing what retrieval brings (it should be a strong opponent)",
    "advice": "Asking every side the same held-out questions",
    "save": "Saving the adapter",
}
STAGE_QUEUE = "Waiting for its turn on the accelerator"
STAGES_SHORT = {
    "load": "load", "study": "study", "questions": "questions", "examples": "examples", "search": "train", "retrieval": "retrieval",
    "advice": "compare", "save": "save",
}  # fmt: skip
RUN_LINE = "{budget}, on {base}, {elapsed}"
LOSS = "loss {loss:.3f}"
DONE_TITLE = "Your adapter is ready"
DONE_COUNTED = (
    "Of {known} held-out questions, worded in ways it was never trained on, it answers {hits} right ({recall:.0%}). "
    "When asked about something you never told, it invents an answer {invents:.0%} of the time."
)
DONE_SHARES = (
    "It answers {recall:.0%} of the held-out questions right, worded in ways it was never trained on. "
    "When asked about something you never told, it invents an answer {invents:.0%} of the time."
)
CARD = "Your adapter knows {adapter_hits} of {known} things about you, and invents on {adapter_invents} of {unknown} that you never told."
CARD_OTHERS = (
    "Retrieval: {rag_hits} of {known}, invents on {rag_invents}. Both together: {hybrid_hits} of {known}, invents on {hybrid_invents}."
)
USE = {"adapter": "Use the adapter.", "rag": "Use retrieval.", "hybrid": "Use both together."}
MOMENT, MONTHS = "{day} {month}, {time}", ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NOT_SURE = " (Not by a clear margin: the intervals overlap.)"
AS_GOOD = " It is as good as the best of them within ten questions in a hundred, and answers with less work."
DONE_DETAILS = "{facts} facts in {size} of weights, {elapsed}, trial {trial} was chosen."
DONE_NEXT = "Go on to Chat and judge for yourself."
CANCELLED_TITLE, CANCELLED_TEXT = (
    "Cancelled",
    "The profile keeps the adapter that it had. Start again whenever you like.",
)
INTERRUPTED_TITLE = "Interrupted"
INTERRUPTED_TEXT = "The process ended before it was done (killed, or the machine was switched off). Nothing is lost: start again."
FAILED_TITLE, FAILED_TEXT = "Failed", "It stopped without saying why; the log is {log}."
TRIALS = "Trials"
TRIAL_HEADINGS = ("No.", "LoRAs", "Layers", "Rank", "Learning rate", "Recall", "Invents", "Seconds", "State")
TRIAL_STATES = {"complete": "complete", "pruned": "stopped early", "best": "chosen"}
LAYER_SETS = {"all": "all", "early": "early half", "middle": "middle half", "late": "late half"}

# A call for many profiles (python -m tuning inject --profiles)
BATCH_TITLES = {
    "running": "{of} profiles are being injected", "done": "The injection of {of} profiles has ended",
    "cancelled": "The injection of {of} profiles was stopped", "interrupted": "The injection of {of} profiles was cut short",
}  # fmt: skip
BATCH_COUNTS = {
    "done": "done", "skipped": "up to date", "running": "running", "queued": "beginning", "waiting": "waiting", "failed": "failed",
    "cancelled": "cancelled", "interrupted": "interrupted",
}  # fmt: skip
BATCH_STATES = BATCH_COUNTS
BATCH_BAR = "Profiles that have ended"
BATCH_ENGINES = {"local": "on this machine", "ray": "on a Ray cluster"}
BATCH_LINE = "{engine}, {elapsed}"
BATCH_STOPPED = "What was done is kept. The same command goes on where this one stopped."
BATCH_HEADINGS = ("Profile", "State", "Done", "Where")
BATCH_NODE = "node {node}"
BATCH_MORE = "and {count} more"

# Chat
PAIRS = {
    "adapter-rag": "Adapter against retrieval",
    "hybrid-rag": "Both together against retrieval",
    "adapter-base": "Adapter against the bare model",
}
PAIR = "What is compared"
PAIR_INFO = "Which answer is whose is shuffled anew for each question and shown after your vote."
MODE = "How to chat"
MODES = {"blind": "Blind test: two sides", "plain": "Plain chat: one side"}
TEMPORARY = "Temporary chat"
TEMPORARY_INFO = "Nothing of it is stored: neither answers nor votes."
SHUFFLE = "Shuffled"
SHUFFLES = {"turn": "for each question", "chat": "once a chat"}
STOP, ASK_AGAIN, CHANGE, COPY = "Stop", "Ask the same again", "Change the question", "Copy"
VOTE_KEYS = "Keys: A or B for the better one, T for a tie, X for both bad."
JUDGE = "One more question: was the memory that was used relevant to the question, and was it accurate?"
JUDGEMENTS = {"relevant": "relevant?", "accurate": "accurate?"}
YES, NO = "Yes", "No"
JUDGED = "Noted."
NOT_STORED = "Not stored: this is a temporary chat."
LIFTED_MEANS = "Marked: the words that the adapter made much likelier than the bare model would have."
LIFTED_BY = "{times:.0f} times as likely with the adapter"
PLAIN = "Chat"
PLAIN_EMPTY = "Choose a side above and ask."
SIDE = "Who answers"
STRENGTH = "Strength of the adapter"
STRENGTH_INFO = "0 is the bare model, 1 as trained."
LINES_READ = "Lines that were looked up"
STALE_ADAPTER = (
    "The adapter still knows something that you had forgotten, so it is not used: inject again, or ask retrieval in the plain chat."
)
ALLOW_STALE = "Use it nevertheless"
NO_SIDE = "Choose who answers first."
NO_ADAPTER_SIDE = "There is no adapter for this profile yet: choose retrieval or the bare model, or inject first."
QUESTION = "Ask about yourself"
QUESTION_HINT = "What is my cat called?"
ASK, NEW_CHAT = "Ask", "New chat"
LONGEST_QUESTION = 1000
NO_QUESTION = "Write a question first."
PANES = ("Answer A", "Answer B")
VOTES = {"left": "A is better", "right": "B is better", "tie": "Tie", "both_bad": "Both bad"}
VOTE_PROMPT = "Which answer is better?"
THINKING = "Loading and reading ..."
EMPTY_ANSWER = "(no answer)"
EMPTY_CHAT = "Two answers, one remembered in the weights, one looked up. You will not know which is which until you vote."
NO_ADAPTER = "There is no adapter for this profile yet, so there is nothing to compare. Inject first; quick takes a few minutes."
WAITING = "Waiting: {before} before you ..."
STOPPED_WAITING = "Stopped before the answer had begun."
MODEL_BUSY = "The model is busy with another answer: try again in a moment."
SIDES = {"adapter": "Adapter", "rag": "Retrieval", "base": "Bare model", "hybrid": "Both together"}
SIDES_LATER = {"adapter": "adapter", "rag": "retrieval", "base": "bare model", "hybrid": "both together"}  # as in the middle of a sentence
SIDE_MEANS = {
    "adapter": "answered from its weights and read nothing.",
    "rag": "looked these lines up and read them:",
    "hybrid": "has the weights and also read these lines:",
    "base": "knows nothing about you.",
}
FOUND_NOTHING = "looked for lines and found none."
VOTED = {
    "left": "You chose A.",
    "right": "You chose B.",
    "tie": "You called it a tie.",
    "both_bad": "You found both bad.",
}
NOT_VOTED = "not voted"
NO_TURN = "Ask a question first, then vote on the two answers."
ALREADY_VOTED = "This answer has its vote, given before the sides were shown: ask another question."

# Results
RESULTS_VOTES = "Your votes"
RESULTS_JUDGED = "Memories in the answers, as you judged them"
JUDGED_HEADINGS = ("Side", "Relevant", "of", "Accurate", "of")
SHARE_CELL = "{share:.0%} ({low:.0%} to {high:.0%})"
INTERVAL = "{low:.0%} to {high:.0%}"
RESULTS_COST = "What it cost"
COST = "Injecting took {elapsed} and {memory:.1f} GB of memory; {facts} facts lie in {size} of weights."
COST_ANSWERS = "An answer takes {adapter_ms:.0f} ms and {adapter_tokens:.0f} tokens of prompt with the adapter, {rag_ms:.0f} ms and {rag_tokens:.0f} with retrieval."
BREAK_EVEN = "The time of injecting is saved after about {answers:,} answers."
NO_BREAK_EVEN = "In time alone, injecting does not pay for itself against retrieval here."
BIAS_POSITION = "Place: the left answer won {part} of {whole} decided votes, {share:.0%} (95 % interval {low:.0%} to {high:.0%})."
BIAS_POSITION_SEEN = "You seem to prefer one place, whoever stands there."
BIAS_LENGTH = "Length: the longer answer won {part} of {whole} decided votes, {share:.0%} (95 % interval {low:.0%} to {high:.0%})."
BIAS_LENGTH_SEEN = "Length seems to sway you."
BIAS_NONE = "No bias is to be seen."
KIND, RECALL_BY_KIND = "Kind of question", "Recall by kind of question"
KINDS = {
    "direct": "direct", "reworded": "in other words", "reversal": "the other way round", "updated": "corrected later", "unknown": "never told",
}  # fmt: skip
EXPORTS = {"csv": "Votes as CSV", "json": "Everything as JSON", "html": "Report as HTML"}
REPORT_TITLE = "Keepsake: results of {name}"
REPORT_NOTE = "Written by Keepsake on {created} UTC. It holds questions and answers of this person: keep it as private as the chats."
RESULTS_MEASURED = "Measured"
NO_VOTES = "No votes yet: compare a few answers in Chat."
WIN_LINE = "{side} won {wins} of {decided} decided votes against {other}: {share:.0%} (95 % interval {low:.0%} to {high:.0%})."
NONE_DECIDED = "{side} against {other}: nothing decided yet."
APART = "Not counted: ties {ties}, both bad {bad}."
VERDICT_WINS = "{side} wins for you."
VERDICT_OPEN = "Too close or too few votes to say which is better."
MEASURE, MEASURING = "Measure now", "Measuring ..."
MEASURE_INFO_DEMO = "Asks every side the demo's {count} questions, which are never trained on."
MEASURE_INFO_OWN = "Asks every side your own held-out questions: wordings that were never trained on."
ALREADY_MEASURING = "A measurement of this profile is running: wait for it to finish."
INJECTING_NOW = "An injection of this profile is running: measure when it has finished."
ASKED_NOW = "{side} answers {count} questions."
NOT_MEASURED = "Not measured yet."
MEASURED_LINE = "{questions} questions, base {base}. Recall: {recalls}."
MEASURED_RECALL = "{side} {recall:.0%}"
MEASURED_WINS = "{side} wins for you on recall: its interval lies above that of {other}."
MEASURED_OPEN = "On recall there is no clear difference between adapter and retrieval: their intervals overlap."
MEASURED_INVENTS = "Asked about things never told, the adapter invents {adapter:.0%} of the time, retrieval {rag:.0%}."
MEASURED_OLD = "This was measured with an earlier adapter: measure again."
SIDE_HEADINGS = (
    "Side", "Recall", "95 % interval", "Abstains", "Invents", "ROUGE-1", "ROUGE-2", "ROUGE-L", "Persona-F1", "ms", "Tokens",
)  # fmt: skip
EXPLAIN_COLUMNS = (
    "Recall: share of questions answered right. Abstains, invents: what it does when asked about things you never told. "
    "ROUGE and persona-F1: overlap with the reference answers. ms: time an answer; tokens: length of its prompt."
)
SAMPLE = "A sample of questions"
EXPECTED = "expected: {answer}"
EXPECTED_NEVER = "expected: that it was never told"
RIGHT, WRONG = "right", "wrong"

# Profiles
PROFILE_HEADINGS = ("Profile", "Messages", "Facts", "Votes", "Adapter of")
NO_PROFILES = "There are no profiles yet."
CHOSEN_PROFILE = "The chosen profile"
OTHER_NAME = "Another name"
RENAME, DUPLICATE = "Rename", "Duplicate"
COPY_OF = "{name} (copy)"
PROFILE_CREATED, PROFILE_RENAMED, PROFILE_COPIED = "Created and chosen.", "Renamed.", "Copied: {name} is chosen now."
EXPORT_PROFILE_TEXT = "Take all of it along as one file: messages, facts, adapters, chats and votes. The file is not encrypted."
EXPORT_PROFILE = "Export"
HANDOVER_TEXT = "Hand the adapter in use to another program as a ZIP file. It holds memories of a person: treat it like their letters."
HANDOVER_KIND, HANDOVER = "For", "Hand over"
HANDOVER_KINDS = {"peft": "PEFT", "vllm": "vLLM", "gguf": "llama.cpp (GGUF)", "merged": "Anything else (merged model)"}
ENDPOINT_TITLE = "Let a server on this machine answer"
ENDPOINT_TEXT = "An OpenAI-compatible server (vLLM, llama.cpp) can run the base and the adapter for the chat. It gets the question and the lines found for it."
ENDPOINT_LABEL, ENDPOINT_SAVE = "Address, such as http://127.0.0.1:8000/v1 (empty: this program answers)", "Use it"
ENDPOINT_HERE = "Answers are written in this program again."
ENDPOINT_ELSEWHERE = "From the page only a server on this machine can be set, such as http://127.0.0.1:8000/v1. For another host start the page with KEEPSAKE_ENDPOINT=URL."
ENDPOINT_GUEST = "Guests of a public page cannot choose a server."
IMPORT_PROFILE = "Import a profile"
PROFILE_FILE = "A file that Export wrote (.keepsake)"
IMPORT_AS, IMPORT_AS_INFO = "Under the name", "Empty: the name in the file."
NO_PROFILE_FILE = "Drop the file of a profile on the field first."
PROFILE_BACK = "{name} is back: {messages} messages, {facts} facts, {adapters} adapters, {turns} answers, {votes} votes."
DELETE_PROFILE = "Delete the chosen profile"
DELETE_PROFILE_TEXT = "Everything of this person, the name included, is gone for good. Export it first if you may want it back."
DELETE_PROFILE_YES = "Delete for good"
DELETE_RUNNING = "An injection of this profile is running: cancel it first."
PROFILE_DELETED = "{name} is gone for good: {rows}."
ADAPTER_IN_USE, ADAPTER_IN_USE_INFO = "Adapter in use", "Earlier ones are kept; choose which one answers."
ADAPTER_CHOICE = "{number}, of {created}: {facts} facts, on {base}"
ADAPTER_CHOSEN = "Adapter {number} answers from now on."

# Edges
UNEXPECTED = "Something unexpected went wrong ({kind}){where}."
ATTENTION = "Please note"
ADDRESS = "Keepsake is on http://{host}:{port} (Ctrl-C stops it; data in {folder})"
PORT_TAKEN = "Port {port} on {host} cannot be used: choose another with --port or KEEPSAKE_PORT."
NOT_LOCAL = "Careful: with --host {host} everyone who reaches this machine can read all profiles; --auth asks for passwords."

# Programs (app/endpoints.py, app/openai_api.py)
API_ON = "Programs on this machine may use http://{host}:{port}/v1 with the token in {path}."
API_IS_LOCAL = "--api is for the owner of this machine: it does not go together with --auth or a public Space."
NO_TOKEN = "Send the token that --api wrote into the data folder as: Authorization: Bearer TOKEN."
NOT_JSON = "The request is no JSON object."
NO_MODEL = "Give model (a profile, or profile:side) and messages."
SIGN_IN_HUB = "Sign in to keep what is yours"

# Who may come in (app/access.py, app/gate.py, app/accounts.py)
NOBODY = "This page has to be loaded first: open it in a browser, or reload it if Keepsake was started anew."
NOT_YOURS = "This belongs to another visitor of this page."
NO_ENDPOINT = "There is nothing here."
WRONG_HOST = "Keepsake does not answer under the name {host}: open it by its address, or name it in KEEPSAKE_HOSTS."
WRONG_ORIGIN = "This request came from another site and was refused."
NOT_UNDERSTOOD = "This request is not one of the page."
TOO_LARGE = "This is more than the page sends at once."
TOO_MANY = "Too many requests: wait a moment."
TOO_MANY_TRIES = "Too many tries: wait a minute."
WRONG_PASSWORD = "The name or the password is wrong."
SIGN_IN, SIGN_IN_NAME, SIGN_IN_PASSWORD = "Sign in", "Name", "Password"
SIGN_IN_TEXT = "This Keepsake is shared. Everyone has their own profiles here and sees nobody else's."
NO_ACCOUNTS = "There are no accounts yet: add one with python -m app.accounts add NAME."
BAD_ACCOUNT_NAME = 'An account\'s name is 1 to 32 of a-z, 0-9, - and _, and "{name}" is not.'
SHORT_PASSWORD = "A password has at least {count} characters."
PASSWORDS_DIFFER = "The two passwords differ: nothing was changed."
UNKNOWN_ACCOUNT = 'There is no account named "{name}" (there are: {names}).'
ACCOUNTS_UNREADABLE = "The file of accounts {path} cannot be read: restore it, or delete it and add the accounts again."
ACCOUNT_ADDED = "The account {name} can sign in."
ACCOUNT_REMOVED = "The account {name} can no longer sign in; its data is still in {folder}."

# Privacy (app/privacy_panel.py)
PRIVACY = "Privacy: what is stored where"
STORE_PLAIN = "Your store is not encrypted: who can read the files of this user account can read it. A passphrase changes that."
STORE_OPEN = "Your store is encrypted and unlocked. It locks after {minutes} minutes without use."
STORE_LOCKED = "Your store is encrypted and locked."
STORAGE_FOLDER = "Where no other place is named, it lies in {home}."
STORAGE_HEAD = ("What", "Where", "Encrypted by a passphrase", "How to remove it")
STORAGE = (
    ("Messages, profile form, facts, questions and examples, search index and vectors", "keepsake.db", "yes",
     "forget a message or fact, undo an import, or delete the profile"),
    ("Adapters, finished or half trained: weights that have learnt your facts", "keepsake.db", "yes",
     "forgetting makes them stale, the next injection replaces them; deleting the profile deletes them"),
    ("Chats with both answers, votes, reports", "keepsake.db", "yes", "deleted with what they quote, or with the profile"),
    ("Copies that Keepsake makes before it changes the store's form", "backups/before-*.db", "as the store was",
     "they go by themselves when something is forgotten"),
    ("Backups, exported profiles and adapters that you made", "where you put them", "backups as the store was, exports no", "delete the files"),
    ("Dropped files", "a folder of this process, for its owner only", "no", "deleted once imported or removed, at the latest when Keepsake ends"),
    ("Logs, progress and queue of injections: counts, never what was said", "jobs, accelerator, keepsake.log", "no", "delete the files"),
    ("The name of the last profile", "this browser", "no", "clear this site's data in the browser"),
)  # fmt: skip
PASSPHRASE, PRESENT_PASSPHRASE, NEW_PASSPHRASE, AGAIN = "Passphrase", "Present passphrase", "New passphrase", "New passphrase again"
PASSPHRASE_INFO = "Several words. It is not kept anywhere: without it nobody can read the store."
UNLOCK, LOCK, ENCRYPT, DECRYPT = "Unlock", "Lock now", "Encrypt", "Take encryption off"
CHANGE_PASSPHRASE = "Change passphrase"
UNLOCK_INFO = "The store is locked. Injections that run go on."
UNLOCKED, LOCKED = "Unlocked.", "Locked. The key and the model are out of memory."
NOT_ENCRYPTED = "The store is not encrypted: give it a passphrase first."
PASSPHRASES_DIFFER = "The two new passphrases differ: nothing was changed."
PASSPHRASE_CHANGED = "The passphrase is changed. Backups made before keep the old one."
ENCRYPTED = "The store is encrypted, and the old file is overwritten."
DECRYPTED = "The store is a plain file again."
PLAIN_BACKUP = "Your backup {name} is not encrypted: delete it, or keep it where only you can read it."
STALE = (
    "The adapter knows something that you have forgotten, so it is not used. Press Start in Inject to replace it by one that never saw it."
)
STALE_ALLOWED = "The adapter knows something that you have forgotten, and you use it nevertheless."
USE_STALE = "Use it nevertheless"
USE_STALE_INFO = "Until the next injection, which replaces it."
NOTHING_FORGOTTEN = "Nothing was forgotten yet."
FORGOTTEN_KINDS = {"message": "message {number}", "fact": "fact {number}", "all": "everything"}
CERTIFICATES_HEAD = ("Certificate", "When", "Forgotten", "Files that still hold it", "Replaced by adapter")
TRACES_DUE, DUE = "purge is due", "not yet: inject again"
