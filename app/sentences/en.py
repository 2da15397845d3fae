"""Every sentence that the page shows, in English.

Fields in braces are filled in by the tabs, and escaped there for HTML.
"""

TITLE = "Keepsake"
TAGLINE = "An assistant that keeps you in its weights. Everything stays on this machine."

# Header
PROFILE = "Profile"
NEW_PROFILE = "New profile"
NEW_PROFILE_HINT = "a name, such as Nora"
CREATE = "Create"
DEMO = "Try it with the demo profile"
DEMO_READY = "The demo person is imported: {messages} messages of an invented life. Now press Start."
WELCOME = (
    "Keepsake reads what you once wrote, trains a small LoRA adapter on it, and then lets you compare, blind, "
    "whether weights or retrieval remember you better. Create a profile and import a chat, or try the demo person."
)
SUMMARY = "{messages} messages · {facts} facts · {adapter}"
HAS_ADAPTER = "adapter of {created}"
HAS_NO_ADAPTER = "no adapter yet"
CHOOSE_PROFILE = "Choose or create a profile first."

# Tabs
TAB_IMPORT, TAB_INJECT, TAB_CHAT, TAB_RESULTS = "1 Import", "2 Inject", "3 Chat", "4 Results"

# Import
FILES = "Chat exports"
FILES_HINT = (
    "WhatsApp, Telegram, Signal, Discord, Slack, Messenger, Instagram, iMessage, ChatGPT, Claude, Gemini, Open WebUI, LibreChat, e-mail (mbox), notes, "
    "JSON lines or CSV; ZIPs as they come. Dropped files are first only looked at, and deleted from the page once they are imported or removed."
)
FILE_TYPES = [".zip", ".json", ".jsonl", ".txt", ".csv", ".md", ".html", ".mbox", ".eml"]
IMPORT = "Import"
IMPORT_COUNT = "Import {count} messages"
UNDO = "Undo this import"
UNDONE = "Undone: {messages} messages and {facts} facts are gone. The same file can be imported again."
NO_FILES = "Drop at least one chat export on the field first."
LARGEST_UPLOAD = "2gb"
IMPORTED = "{imported} imported, {duplicates} there already, {skipped} skipped."
IMPORTED_NOTHING_NEW = "Nothing new: all {duplicates} messages were there already."
SKIPPED = "Skipped: {count} {reason}."
REPORT = "{kept} messages of {format} would be imported; {skipped} of {read} records are left out. Nothing is stored yet."
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
FACTS = "What was learnt about you"
NO_FACTS = "Nothing yet: facts are learnt from your messages during an injection."
MORE = "... and {count} more."
EXCLUDED = "excluded"

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
MACHINE_UNKNOWN = "This machine is described when the tab opens."
START, CANCEL = "Start", "Cancel"
CANCELLING = "Cancelling at the next step ..."
NOTHING_TO_CANCEL = "Nothing is running."
NEVER_RUN = "Nothing injected yet. Choose how thorough and press Start."
NOTHING_TO_INJECT = "This profile is empty: import a chat or fill in the form first."
BUSY_RUN = "This profile is busy with run {run} ({done:.0%} done): wait for it to finish or cancel it first."
BUSY_STARTING = "An injection of this profile is just starting: wait for it or cancel it first."
STARTING = "Starting the process ..."
STAGES = {
    "": "Waiting to start",
    "load": "Loading the base model",
    "study": "Studying your messages",
    "questions": "Writing questions about each fact",
    "examples": "Making examples",
    "search": "Training and comparing adapters",
    "retrieval": "Choosing what retrieval brings (it should be a strong opponent)",
    "save": "Saving the adapter",
}
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

# Chat
PAIRS = {
    "adapter-rag": "Adapter against retrieval",
    "hybrid-rag": "Both together against retrieval",
    "adapter-base": "Adapter against the bare model",
}
PAIR = "What is compared"
PAIR_INFO = "Which answer is whose is shuffled anew for each question and shown after your vote."
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
MODEL_BUSY = "The model is busy with another answer: try again in a moment."
SIDES = {"adapter": "Adapter", "rag": "Retrieval", "base": "Bare model", "hybrid": "Both together"}
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

# Edges
UNEXPECTED = "Something unexpected went wrong ({kind}){where}."
ATTENTION = "Please note"
ADDRESS = "Keepsake is on http://{host}:{port} (Ctrl-C stops it; data in {folder})"
PORT_TAKEN = "Port {port} on {host} cannot be used: choose another with --port or KEEPSAKE_PORT."
NOT_LOCAL = "Careful: with --host {host} everyone who reaches this machine can read all profiles; --auth asks for passwords."

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
