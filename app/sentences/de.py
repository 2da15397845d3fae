"""Every sentence that the page shows, in German (du-Form); names and fields as in en.py."""

from app.sentences.en import FILE_TYPES, LARGEST_UPLOAD, LONGEST_QUESTION

__all__ = ["FILE_TYPES", "LARGEST_UPLOAD", "LONGEST_QUESTION"]

LANGUAGE = "Deutsch"
TITLE = "Keepsake"
TAGLINE = "Ein Assistent, der dich in seinen Gewichten behält. Alles bleibt auf diesem Rechner."

# Header
PROFILE = "Profil"
NEW_PROFILE = "Neues Profil"
NEW_PROFILE_HINT = "ein Name, etwa Nora"
CREATE = "Anlegen"
DEMO = "Beispiel ausprobieren"
DEMO_READY = "Die Beispielperson ist importiert: {messages} Nachrichten eines erfundenen Lebens. Drücke jetzt auf Start."
NO_PROFILE = "Noch ist kein Profil gewählt: Probiere das Beispiel aus, oder nimm deine eigenen Chats."
OTHER_LANGUAGES = "Andere Sprachen"
LOOK = "Hell oder dunkel"
SUMMARY = "{messages} Nachrichten · {facts} Fakten · {adapter}"
HAS_ADAPTER = "Adapter vom {created}"
HAS_NO_ADAPTER = "noch kein Adapter"
CHOOSE_PROFILE = "Wähle zuerst ein Profil oder lege eines an."

# Tabs
TABS = {
    "welcome": "Willkommen", "import": "1 Import", "memories": "2 Erinnerungen", "inject": "3 Einprägen", "chat": "4 Chat",
    "results": "5 Ergebnisse", "profiles": "Profile",
}  # fmt: skip

# Welcome
WELCOME_TITLE = "Ein Assistent, der sich an dich erinnert"
WELCOME = (
    "Keepsake liest, was du einmal geschrieben hast, und trainiert damit einen kleinen Teil eines Sprachmodells, sodass sich das Modell selbst an "
    "dich erinnert. Dann chattest du mit ihm blind Seite an Seite gegen eines, das nachschlägt, und findest heraus, welches dich besser kennt."
)
PICTURE = {
    "alt": "Aus deinen Chats wird ein kleiner trainierter Teil in einem Sprachmodell, und du vergleichst zwei namenlose Antworten.",
    "chats": "deine Chats", "weights": "ein trainierter Teil", "blind": "ein Blindtest",
}  # fmt: skip
YOUR_NAME = "Dein Name"
USE_MINE = "Meine Chats nehmen"
OWN_PROFILE = "ich"
NEXT_STEPS = {
    "import": "Weiter: Chats von {name} importieren", "inject": "Weiter: einprägen, was {name} gesagt hat", "chat": "Weiter: als {name} chatten",
}  # fmt: skip
MACHINE_CPU = (
    "Dieser Rechner: {cores} Prozessorkerne, {memory:.0f} GB Arbeitsspeicher ({free:.0f} GB frei), keine GPU gefunden. Das Basismodell {base} passt und "
    "läuft ohne Netz: Schnelles Einprägen dauert etwa {quick:.0f} Minuten, normales etwa {normal:.0f}."
)
MACHINE_GPU = (
    "Dieser Rechner: eine GPU mit {gpu:.0f} GB und {memory:.0f} GB Arbeitsspeicher. Das größte vorgeschlagene Basismodell, das passt, ist {base}; mit "
    "dem eingebauten pocket dauert schnelles Einprägen etwa {quick:.0f} Minuten, normales etwa {normal:.0f}."
)
SHARED_NOTICE = (
    "Dies ist ein öffentlicher Server, nicht dein eigener Rechner. Was du importierst, liegt in einem Ordner, an den nur dein Browser herankommt, und "
    "wird gelöscht, wenn du die Seite schließt, außer du meldest dich an. Für private Chats nimm Keepsake zu Hause: Es ist dasselbe Programm."
)

# Import
FILES = "Exportierte Chats"
FILES_HINT = (
    "WhatsApp, Telegram, Signal, Discord, Slack, Messenger, Instagram, iMessage, ChatGPT, Claude, Gemini, Open WebUI, LibreChat, E-Mail (mbox), Notizen, "
    "JSON-Zeilen oder CSV; ZIPs, wie sie sind. Abgelegte Dateien werden erst nur angesehen und nach dem Import oder Entfernen von der Seite gelöscht."
)
IMPORT = "Importieren"
IMPORT_COUNT = "{count} Nachrichten importieren"
PREPARING = "Die Suche wird vorbereitet: {done} von {total} Texten. Du kannst inzwischen weitermachen."
UNDO = "Diesen Import rückgängig machen"
UNDONE = "Rückgängig gemacht: {messages} Nachrichten und {facts} Fakten sind weg. Dieselbe Datei kann wieder importiert werden."
NO_FILES = "Lege zuerst mindestens einen exportierten Chat auf das Feld."
IMPORTED = "{imported} importiert, {duplicates} schon da, {skipped} ausgelassen."
IMPORTED_NOTHING_NEW = "Nichts Neues: Alle {duplicates} Nachrichten waren schon da."
SKIPPED = "Ausgelassen: {count} {reason}."
REPORT = "{kept} Nachrichten aus {format} würden importiert; {skipped} von {read} Einträgen bleiben weg. Noch ist nichts gespeichert."
CONVERSATION, CONVERSATIONS = "{count} Chat", "{count} Chats"
PERIOD = "{start} bis {end}, {conversations}."
DROPPED_HEAD = ("Ausgelassen", "Einträge", "Zum Beispiel")
REDACTED_HEAD = ("Durch einen Platzhalter ersetzt", "Mal", "Zum Beispiel")
GAP = "In {conversation} wurde {days} Tage lang nichts gesagt ({from} bis {to}): Wenn du dich anders erinnerst, fehlt vielleicht ein Teil."
EXAMPLES_HEAD = ("Wann", "Wer", "Gesagt")
BEGINNING = "So fängt es an"
DATES = "Das Datum wurde als {order} gelesen."
DATE_ORDER = "Wie herum steht das Datum?"
DATE_ORDER_INFO = "Die Datei entscheidet es nicht. Sieh dir unten das Datum der ersten Nachrichten an."
DATE_ORDERS = [("3/5 ist der 3. Mai", "day-month-year"), ("3/5 ist der 5. März", "month-day-year")]
REDACT = "E-Mail-Adressen, Telefon- und Kartennummern, Schlüssel und Passwörter durch Platzhalter ersetzen"
REDACT_INFO = "Sie werden dann weder gespeichert noch gelernt. Namen und Andeutungen in gewöhnlichen Worten werden nicht erkannt."
MASK = "Alle außer mir Person 1, Person 2, ... nennen"
WHICH_IS_YOU = "Wer davon bist du?"
WHICH_IS_YOU_INFO = "Nur deine eigenen Worte werden gelesen. Ein Irrtum lässt sich jederzeit berichtigen."
ME_CHANGED = "Du bist jetzt {sender}."
SENDER, MESSAGES, IS_YOU = "Absender", "Nachrichten", "Du"
ABOUT_YOU = "Über dich"
FORM = {"name": "Name", "birthday": "Geburtstag", "city": "Stadt", "job": "Beruf", "languages": "Sprachen"}
ABOUT_TEXT = "Sonst noch etwas, in deinen Worten"
SAVE_FORM = "Speichern"
FORM_SAVED = "Gespeichert. Was du geschrieben hast, zählt vom nächsten Einprägen an als Fakten."
NEWEST = "Neueste Nachrichten"
NO_MESSAGES = "Noch keine Nachrichten."
UNDATED = "ohne Datum"
EXCLUDED = "ausgeschlossen"

# Memories
MEMORIES = "Fakten über dich (hake an, was du ändern willst)"
MEMORIES_ALL = "Fakten insgesamt"
MEMORY_STATES = {
    "learnt": "gelernt", "new": "noch nicht gelernt", "stale": "veraltet", "replaced": "ersetzt", "skipped": "nicht zu lernen", "pinned": "angeheftet",
}  # fmt: skip
MEMORY_STATES_MEAN = (
    "Gelernt: Der Adapter in Gebrauch weiß es. Noch nicht gelernt: Es kommt mit dem nächsten Einprägen. Veraltet: Der Adapter enthält noch, was du "
    "geändert oder herausgenommen hast; präge neu ein. Ersetzt: Ein neuerer Fakt sagt es anders. Angeheftet: Kein neuerer Fakt ersetzt es."
)
MEMORY_SOURCES = {"study": "aus deinen Nachrichten gelesen", "profile": "aus deinem Formular", "user": "von dir getippt"}
MEMORY_FROM = "\u201e{said}\u201c ({place})"
MEMORY_TYPED = "Keine Nachricht sagt das: Es wurde getippt."
PINNED_MARK = "\u2605 "
MEMORIES_PLACE = "{first} bis {last} von {total}"
MEMORIES_NONE = "Hier sind keine Fakten. Sie werden beim Einprägen aus deinen Nachrichten gelesen; du kannst sie auch unten eintippen."
SEARCH, SEARCH_HINT = "Suchen", "ein Wort, etwa Katze"
STATE, SOURCE, ANY = "Zustand", "Woher", "alle"
BACK, FORWARD = "Zurück", "Weiter"
TICKED = "{count} angehakt."
TICK_FIRST = "Hake zuerst mindestens einen Fakt an."
TICK_ONE = "Hake genau einen Fakt an, um seinen Wortlaut zu ändern."
MEMORY_ACTIONS = {"pin": "Anheften", "unpin": "Lösen", "skip": "Nicht lernen", "learn": "Wieder lernen"}
MEMORIES_DONE = {
    "pin": "{count} angeheftet: Kein neuerer Fakt ersetzt sie.",
    "unpin": "{count} nicht mehr angeheftet.",
    "skip": "{count} werden nicht gelernt und nicht nachgeschlagen. Präge neu ein, wenn der Adapter sie schon kennt.",
    "learn": "{count} werden beim nächsten Einprägen gelernt.",
}
DELETE = "Löschen"
DELETE_SURE = (
    "Die angehakten Fakten sind dann endgültig weg, und Adapter, die mit ihnen trainiert wurden, werden nicht mehr benutzt. Ihre Nachrichten bleiben, werden aber nicht "
    "wieder gelesen."
)
DELETE_YES, KEEP = "Ja, löschen", "Behalten"
MEMORIES_DELETED = (
    "{facts} Fakten sind endgültig weg; {adapters} Adapter, die mit ihnen trainiert wurden, werden erst nach neuem Einprägen wieder benutzt. "
    "Löschbescheinigung: Nummer {certificate}."
)
EDIT, SAVE_FACT = "Wortlaut ändern", "Speichern"
MEMORY_EDITED = "Gespeichert. Der Adapter lernt den neuen Wortlaut beim nächsten Einprägen."
ADD_FACT, ADD_FACT_HINT, ADD = "Einen Fakt über dich hinzufügen", "Your cat is called Biscuit.", "Hinzufügen"
MEMORY_ADDED = "Hinzugefügt. Er wird von jetzt an nachgeschlagen und beim nächsten Einprägen gelernt."
EXPORT_MEMORIES = "Als JSON exportieren"
DELETE_EVERYTHING = "Alles über diese Person löschen"
DELETE_EVERYTHING_TEXT = (
    "Nachrichten, Fakten, Adapter, Chats, Stimmen und das Formular werden gelöscht, und danach werden die Dateien nach dem durchsucht, was darin stand. "
    "Nur der Name bleibt."
)
DELETE_EVERYTHING_LABEL = "Tippe zur Bestätigung den Namen des Profils"
DELETE_EVERYTHING_YES = "Alles löschen"
TYPE_THE_NAME = "Tippe \u201e{name}\u201c in das Feld, um es zu bestätigen."
EVERYTHING_GONE = "Weg: {rows}. Beweis: 0 Zeilen sind übrig, und keiner der {texts} längsten Texte steht in den {megabytes:.1f} MB Dateien, die durchsucht wurden."
SOMETHING_LEFT = (
    "Gelöscht: {rows}. Aber {left} Zeilen sind übrig, und {found} von {texts} Texten stehen noch in den {megabytes:.1f} MB Dateien: Vielleicht benutzt "
    "sie ein anderer Prozess; beende ihn und starte Keepsake neu, dann wird das Löschen vollendet."
)
ROWS = {
    "messages": "Nachrichten", "facts": "Fakten", "runs": "Läufe", "adapters": "Adapter", "turns": "Antworten", "reports": "Berichte",
    "examples": "Beispiele", "votes": "Stimmen",
}  # fmt: skip

# Inject
DIAL = "Wie gründlich?"
DIAL_PLAIN = {"quick": "Schnell", "normal": "Normal", "thorough": "Gründlich"}
DIAL_CHOICE = "{name}: {trials} Versuche, etwa {minutes} min"
DIAL_INFO = (
    "Jeder Versuch trainiert einen Adapter mit anderen Einstellungen; behalten wird der, der zurückgehaltene Fragen am besten beantwortet."
)
BASE = "Basismodell"
BASE_INFO = "pocket ist eingebaut und läuft ohne Netz. Auch ein Ordner oder ein Name vom Hub (owner/name@revision) geht."
BASE_ACCORDION = "Basismodell und dieser Rechner"
BASE_HUB_NOTE = "Ein Modell vom Hub wird einmal von huggingface.co geladen. Nichts über dich wird gesendet."
BASE_CHOICE = "{id} ({parameters}, {licence}, braucht etwa {memory} GiB)"
POCKET_CHOICE = "pocket (eingebaut, ohne Netz, braucht etwa 1 GiB)"
MACHINE_UNKNOWN = "Dieser Rechner wird gerade angesehen ..."
ESTIMATE = "{dial} auf {base}: etwa {minutes:.0f} Minuten für {messages} Nachrichten, und etwa {memory:.1f} GB Arbeitsspeicher."
ESTIMATE_LAST = "{dial}: Das letzte Mal dauerte es {minutes:.1f} Minuten und brauchte {memory:.1f} GB Arbeitsspeicher."
FETCHED = "Start lädt {name}, Revision {revision}, vom Hub, falls es auf diesem Rechner noch fehlt."
FETCHED_MAIN = (
    "Start lädt {name} vom Hub, falls es auf diesem Rechner noch fehlt: Revision {revision}, was immer das heute ist. "
    "{name}@COMMIT steht für eine, die gleich bleibt."
)
START, PAUSE, RESUME, CANCEL = "Start", "Anhalten", "Weiter", "Abbrechen"
PAUSED = "angehalten"
TIME_LEFT = "noch etwa {left}"
TIME_UNKNOWN = "Restzeit noch unbekannt"
RECALL_NOW = "zurückgehaltene Fragen: {recall:.0%} wörtlich richtig, {abstention:.0%} zu Recht abgelehnt"
CURVE_LOSS = "Verlust, Versuch {trial}"
CURVE_RECALL = "Richtig auf zurückgehaltene Fragen"
PLOTS = "Wie die Suche verlief"
PLOT_TITLES = {
    "history": "Jeder Versuch und der beste bisher", "importance": "Was am meisten ausmachte", "size": "Güte gegen Größe",
    "score": "Richtige weniger Erfundene", "trial": "Versuch", "parameters": "Parameter des Adapters", "parameter": "Einstellung",
}  # fmt: skip
CANCELLING = "Wird beim nächsten Schritt abgebrochen ..."
NOTHING_TO_CANCEL = "Es läuft nichts."
NEVER_RUN = "Noch nichts eingeprägt. Wähle, wie gründlich, und drücke Start."
NOTHING_TO_INJECT = "Dieses Profil ist leer: Importiere einen Chat oder fülle zuerst das Formular aus."
BUSY_RUN = "Dieses Profil ist mit Lauf {run} beschäftigt ({done:.0%} fertig): Warte, bis er endet, oder brich ihn ab."
BUSY_STARTING = "Ein Einprägen dieses Profils beginnt gerade: Warte darauf oder brich es ab."
STARTING = "Der Prozess wird gestartet ..."
NEXT_SLICE = "Die GPU dieses Space wird immer für eine Weile geliehen. Was trainiert wurde, ist gespeichert; es geht weiter, sobald sie wieder frei ist ..."
NOT_FETCHED = "Das Basismodell {name} ließ sich nicht vom Hub holen: {reason}"
STAGES = {
    "": "Wartet auf den Start",
    "load": "Das Basismodell wird geladen",
    "study": "Deine Nachrichten werden gelesen",
    "questions": "Zu jedem Fakt werden Fragen geschrieben",
    "examples": "Beispiele werden gemacht",
    "search": "Adapter werden trainiert und verglichen",
    "retrieval": "Gewählt wird, was nachgeschlagen wird (es soll ein starker Gegner sein)",
    "advice": "Jeder Seite werden dieselben zurückgehaltenen Fragen gestellt",
    "save": "Der Adapter wird gespeichert",
}
STAGE_QUEUE = "Wartet, bis der Beschleuniger frei ist"
STAGES_SHORT = {
    "load": "laden", "study": "lesen", "questions": "Fragen", "examples": "Beispiele", "search": "trainieren", "retrieval": "nachschlagen",
    "advice": "vergleichen", "save": "speichern",
}  # fmt: skip
RUN_LINE = "{budget}, auf {base}, {elapsed}"
LOSS = "Verlust {loss:.3f}"
DONE_TITLE = "Dein Adapter ist fertig"
DONE_COUNTED = (
    "Von {known} zurückgehaltenen Fragen, in Worten, mit denen er nie trainiert wurde, beantwortet er {hits} richtig ({recall:.0%}). "
    "Nach etwas gefragt, was du nie erzählt hast, erfindet er in {invents:.0%} der Fälle eine Antwort."
)
DONE_SHARES = (
    "Er beantwortet {recall:.0%} der zurückgehaltenen Fragen richtig, in Worten, mit denen er nie trainiert wurde. "
    "Nach etwas gefragt, was du nie erzählt hast, erfindet er in {invents:.0%} der Fälle eine Antwort."
)
CARD = "Dein Adapter weiß {adapter_hits} von {known} Dingen über dich und erfindet bei {adapter_invents} von {unknown}, die du nie erzählt hast."
CARD_OTHERS = "Nachschlagen: {rag_hits} von {known}, erfindet bei {rag_invents}. Beides zusammen: {hybrid_hits} von {known}, erfindet bei {hybrid_invents}."
USE = {"adapter": "Nimm den Adapter.", "rag": "Nimm das Nachschlagen.", "hybrid": "Nimm beides zusammen."}
MOMENT = "{day}. {month}, {time}"
MONTHS = ("Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez.")
NOT_SURE = " (Nicht mit klarem Abstand: Die Intervalle überlappen.)"
AS_GOOD = " Das ist bis auf zehn von hundert Fragen so gut wie das Beste und antwortet mit weniger Aufwand."
DONE_DETAILS = "{facts} Fakten in {size} Gewichten, {elapsed}, gewählt wurde Versuch {trial}."
DONE_NEXT = "Geh weiter zum Chat und urteile selbst."
CANCELLED_TITLE, CANCELLED_TEXT = "Abgebrochen", "Das Profil behält den Adapter, den es hatte. Starte neu, wann du willst."
INTERRUPTED_TITLE = "Unterbrochen"
INTERRUPTED_TEXT = (
    "Der Prozess endete, bevor er fertig war (beendet, oder der Rechner wurde ausgeschaltet). Nichts ist verloren: Starte neu."
)
FAILED_TITLE, FAILED_TEXT = "Misslungen", "Er hielt an, ohne zu sagen, warum; das Protokoll ist {log}."
TRIALS = "Versuche"
TRIAL_HEADINGS = ("Nr.", "LoRAs", "Schichten", "Rang", "Lernrate", "Richtig", "Erfindet", "Sekunden", "Stand")
TRIAL_STATES = {"complete": "fertig", "pruned": "früh beendet", "best": "gewählt"}
LAYER_SETS = {"all": "alle", "early": "vordere Hälfte", "middle": "mittlere Hälfte", "late": "hintere Hälfte"}

# Ein Aufruf für viele Profile (python -m tuning inject --profiles)
BATCH_TITLES = {
    "running": "{of} Profile werden eingeprägt", "done": "Das Einprägen von {of} Profilen ist zu Ende",
    "cancelled": "Das Einprägen von {of} Profilen wurde angehalten", "interrupted": "Das Einprägen von {of} Profilen brach ab",
}  # fmt: skip
BATCH_COUNTS = {
    "done": "fertig", "skipped": "schon aktuell", "running": "laufen", "queued": "beginnen", "waiting": "warten", "failed": "misslungen",
    "cancelled": "abgebrochen", "interrupted": "unterbrochen",
}  # fmt: skip
BATCH_STATES = BATCH_COUNTS | {"running": "läuft", "queued": "beginnt", "waiting": "wartet"}
BATCH_BAR = "Profile, die zu Ende sind"
BATCH_ENGINES = {"local": "auf diesem Rechner", "ray": "auf einem Ray-Cluster"}
BATCH_LINE = "{engine}, {elapsed}"
BATCH_STOPPED = "Was fertig ist, bleibt. Derselbe Befehl macht dort weiter, wo dieser aufgehört hat."
BATCH_HEADINGS = ("Profil", "Stand", "Getan", "Wo")
BATCH_NODE = "Knoten {node}"
BATCH_MORE = "und {count} weitere"

# Chat
PAIRS = {
    "adapter-rag": "Adapter gegen Nachschlagen",
    "hybrid-rag": "Beides zusammen gegen Nachschlagen",
    "adapter-base": "Adapter gegen das bloße Modell",
}
PAIR = "Was verglichen wird"
PAIR_INFO = "Welche Antwort von wem ist, wird für jede Frage neu gemischt und nach deiner Stimme gezeigt."
MODE = "Wie gechattet wird"
MODES = {"blind": "Blindtest: zwei Seiten", "plain": "Einfacher Chat: eine Seite"}
TEMPORARY = "Flüchtiger Chat"
TEMPORARY_INFO = "Nichts davon wird gespeichert: weder Antworten noch Stimmen."
SHUFFLE = "Gemischt"
SHUFFLES = {"turn": "für jede Frage", "chat": "einmal je Chat"}
STOP, ASK_AGAIN, CHANGE, COPY = "Anhalten", "Dasselbe noch einmal fragen", "Frage ändern", "Kopieren"
VOTE_KEYS = "Tasten: A oder B für die bessere, T für gleich gut, X für beide schlecht."
JUDGE = "Noch eine Frage: Passte die Erinnerung, die benutzt wurde, zur Frage, und stimmte sie?"
JUDGEMENTS = {"relevant": "passend?", "accurate": "richtig?"}
YES, NO = "Ja", "Nein"
JUDGED = "Notiert."
NOT_STORED = "Nicht gespeichert: Dies ist ein flüchtiger Chat."
LIFTED_MEANS = "Markiert: die Wörter, die der Adapter viel wahrscheinlicher gemacht hat, als sie es im bloßen Modell wären."
LIFTED_BY = "mit dem Adapter {times:.0f}-mal so wahrscheinlich"
PLAIN = "Chat"
PLAIN_EMPTY = "Wähle oben eine Seite und frage."
SIDE = "Wer antwortet"
STRENGTH = "Stärke des Adapters"
STRENGTH_INFO = "0 ist das bloße Modell, 1 wie trainiert."
LINES_READ = "Nachgeschlagene Zeilen"
STALE_ADAPTER = "Der Adapter weiß noch etwas, das du vergessen ließest, und wird darum nicht benutzt: Präge neu ein, oder frage im einfachen Chat mit Nachschlagen."
ALLOW_STALE = "Trotzdem benutzen"
NO_SIDE = "Wähle zuerst, wer antwortet."
NO_ADAPTER_SIDE = "Für dieses Profil gibt es noch keinen Adapter: Wähle Nachschlagen oder das bloße Modell, oder präge zuerst ein."
QUESTION = "Frage etwas über dich"
QUESTION_HINT = "Wie heißt meine Katze?"
ASK, NEW_CHAT = "Fragen", "Neuer Chat"
NO_QUESTION = "Schreib zuerst eine Frage."
PANES = ("Antwort A", "Antwort B")
VOTES = {"left": "A ist besser", "right": "B ist besser", "tie": "Gleich gut", "both_bad": "Beide schlecht"}
VOTE_PROMPT = "Welche Antwort ist besser?"
THINKING = "Lädt und liest ..."
EMPTY_ANSWER = "(keine Antwort)"
EMPTY_CHAT = "Zwei Antworten, eine aus den Gewichten erinnert, eine nachgeschlagen. Welche welche ist, erfährst du erst nach deiner Stimme."
NO_ADAPTER = (
    "Für dieses Profil gibt es noch keinen Adapter, also nichts zu vergleichen. Präge zuerst ein; schnell dauert es wenige Minuten."
)
WAITING = "Wartet: noch {before} vor dir ..."
STOPPED_WAITING = "Angehalten, bevor die Antwort begonnen hatte."
MODEL_BUSY = "Das Modell ist mit einer anderen Antwort beschäftigt: Versuch es gleich noch einmal."
SIDES = {"adapter": "Adapter", "rag": "Nachschlagen", "base": "Bloßes Modell", "hybrid": "Beides zusammen"}
SIDES_LATER = {"adapter": "Adapter", "rag": "Nachschlagen", "base": "bloßes Modell", "hybrid": "beides zusammen"}
SIDE_MEANS = {
    "adapter": "antwortete aus seinen Gewichten und las nichts.",
    "rag": "schlug diese Zeilen nach und las sie:",
    "hybrid": "hat die Gewichte und las auch diese Zeilen:",
    "base": "weiß nichts über dich.",
}
FOUND_NOTHING = "schlug nach und fand nichts."
VOTED = {
    "left": "Du hast A gewählt.",
    "right": "Du hast B gewählt.",
    "tie": "Du fandest beide gleich gut.",
    "both_bad": "Du fandest beide schlecht.",
}
NOT_VOTED = "ohne Stimme"
NO_TURN = "Stell zuerst eine Frage, dann stimme über die zwei Antworten ab."
ALREADY_VOTED = "Diese Antwort hat ihre Stimme, abgegeben, bevor die Seiten gezeigt wurden: Stell eine neue Frage."

# Results
RESULTS_VOTES = "Deine Stimmen"
RESULTS_JUDGED = "Erinnerungen in den Antworten, wie du sie beurteilt hast"
JUDGED_HEADINGS = ("Seite", "Passend", "von", "Richtig", "von")
SHARE_CELL = "{share:.0%} ({low:.0%} bis {high:.0%})"
INTERVAL = "{low:.0%} bis {high:.0%}"
RESULTS_COST = "Was es gekostet hat"
COST = "Das Einprägen brauchte {elapsed} und {memory:.1f} GB Arbeitsspeicher; {facts} Fakten liegen in {size} Gewichten."
COST_ANSWERS = (
    "Eine Antwort braucht mit dem Adapter {adapter_ms:.0f} ms und {adapter_tokens:.0f} Token Eingabe, mit Nachschlagen {rag_ms:.0f} ms und "
    "{rag_tokens:.0f}."
)
BREAK_EVEN = "Die Zeit des Einprägens ist nach etwa {answers:,} Antworten eingespart."
NO_BREAK_EVEN = "An Zeit allein macht sich das Einprägen gegenüber dem Nachschlagen hier nicht bezahlt."
BIAS_POSITION = (
    "Platz: Die linke Antwort gewann {part} von {whole} entschiedenen Stimmen, {share:.0%} (95-%-Intervall {low:.0%} bis {high:.0%})."
)
BIAS_POSITION_SEEN = "Du scheinst einen Platz zu bevorzugen, gleich wer dort steht."
BIAS_LENGTH = (
    "Länge: Die längere Antwort gewann {part} von {whole} entschiedenen Stimmen, {share:.0%} (95-%-Intervall {low:.0%} bis {high:.0%})."
)
BIAS_LENGTH_SEEN = "Die Länge scheint dich zu beeinflussen."
BIAS_NONE = "Eine Neigung ist nicht zu sehen."
KIND, RECALL_BY_KIND = "Art der Frage", "Richtige nach Art der Frage"
KINDS = {
    "direct": "direkt",
    "reworded": "in anderen Worten",
    "reversal": "andersherum",
    "updated": "später berichtigt",
    "unknown": "nie erzählt",
}
EXPORTS = {"csv": "Stimmen als CSV", "json": "Alles als JSON", "html": "Bericht als HTML"}
REPORT_TITLE = "Keepsake: Ergebnisse von {name}"
REPORT_NOTE = "Von Keepsake geschrieben am {created} UTC. Er enthält Fragen und Antworten dieser Person: Halte ihn so privat wie die Chats."
RESULTS_MEASURED = "Gemessen"
NO_VOTES = "Noch keine Stimmen: Vergleiche ein paar Antworten im Chat."
WIN_LINE = "{side} gewann {wins} von {decided} entschiedenen Stimmen gegen {other}: {share:.0%} (95-%-Intervall {low:.0%} bis {high:.0%})."
NONE_DECIDED = "{side} gegen {other}: noch nichts entschieden."
APART = "Nicht mitgezählt: gleich gut {ties}, beide schlecht {bad}."
VERDICT_WINS = "{side} gewinnt bei dir."
VERDICT_OPEN = "Zu knapp oder zu wenige Stimmen, um zu sagen, was besser ist."
MEASURE, MEASURING = "Jetzt messen", "Es wird gemessen ..."
MEASURE_INFO_DEMO = "Stellt jeder Seite die {count} Fragen des Beispiels, mit denen nie trainiert wird."
MEASURE_INFO_OWN = "Stellt jeder Seite deine eigenen zurückgehaltenen Fragen: Wortlaute, mit denen nie trainiert wurde."
ALREADY_MEASURING = "Dieses Profil wird gerade gemessen: Warte, bis es fertig ist."
INJECTING_NOW = "Dieses Profil wird gerade eingeprägt: Miss, wenn es fertig ist."
ASKED_NOW = "{side} beantwortet {count} Fragen."
NOT_MEASURED = "Noch nicht gemessen."
MEASURED_LINE = "{questions} Fragen, Basis {base}. Richtig: {recalls}."
MEASURED_RECALL = "{side} {recall:.0%}"
MEASURED_WINS = "{side} gewinnt bei dir an richtigen Antworten: Das Intervall liegt über dem von {other}."
MEASURED_OPEN = "An richtigen Antworten gibt es keinen klaren Unterschied zwischen Adapter und Nachschlagen: Die Intervalle überlappen."
MEASURED_INVENTS = "Nach nie Erzähltem gefragt, erfindet der Adapter in {adapter:.0%} der Fälle etwas, das Nachschlagen in {rag:.0%}."
MEASURED_OLD = "Das wurde mit einem früheren Adapter gemessen: Miss noch einmal."
SIDE_HEADINGS = (
    "Seite", "Richtig", "95-%-Intervall", "Lehnt ab", "Erfindet", "ROUGE-1", "ROUGE-2", "ROUGE-L", "Persona-F1", "ms", "Token",
)  # fmt: skip
EXPLAIN_COLUMNS = (
    "Richtig: Anteil der richtig beantworteten Fragen. Lehnt ab, erfindet: was bei Fragen nach nie Erzähltem geschieht. "
    "ROUGE und Persona-F1: Übereinstimmung mit den Musterantworten. ms: Zeit je Antwort; Token: Länge der Eingabe."
)
SAMPLE = "Einige der Fragen"
EXPECTED = "erwartet: {answer}"
EXPECTED_NEVER = "erwartet: dass es nie erzählt wurde"
RIGHT, WRONG = "richtig", "falsch"

# Profiles
PROFILE_HEADINGS = ("Profil", "Nachrichten", "Fakten", "Stimmen", "Adapter vom")
NO_PROFILES = "Es gibt noch keine Profile."
CHOSEN_PROFILE = "Das gewählte Profil"
OTHER_NAME = "Anderer Name"
RENAME, DUPLICATE = "Umbenennen", "Kopieren"
COPY_OF = "{name} (Kopie)"
PROFILE_CREATED, PROFILE_RENAMED, PROFILE_COPIED = "Angelegt und gewählt.", "Umbenannt.", "Kopiert: {name} ist jetzt gewählt."
EXPORT_PROFILE_TEXT = "Nimm alles als eine Datei mit: Nachrichten, Fakten, Adapter, Chats und Stimmen. Die Datei ist nicht verschlüsselt."
EXPORT_PROFILE = "Exportieren"
HANDOVER_TEXT = "Gib den benutzten Adapter als ZIP-Datei an ein anderes Programm weiter. Er enthält Erinnerungen eines Menschen: behandle ihn wie dessen Briefe."
HANDOVER_KIND, HANDOVER = "Für", "Weitergeben"
HANDOVER_KINDS = {"peft": "PEFT", "vllm": "vLLM", "gguf": "llama.cpp (GGUF)", "merged": "Alles andere (verschmolzenes Modell)"}
ENDPOINT_TITLE = "Einen Server auf diesem Rechner antworten lassen"
ENDPOINT_TEXT = "Ein OpenAI-kompatibler Server (vLLM, llama.cpp) kann Basis und Adapter für den Chat ausführen. Er bekommt die Frage und die dazu gefundenen Zeilen."
ENDPOINT_LABEL, ENDPOINT_SAVE = "Adresse, etwa http://127.0.0.1:8000/v1 (leer: dieses Programm antwortet)", "Benutzen"
ENDPOINT_HERE = "Die Antworten schreibt wieder dieses Programm."
ENDPOINT_ELSEWHERE = "Auf der Seite lässt sich nur ein Server auf diesem Rechner wählen, etwa http://127.0.0.1:8000/v1. Für einen anderen starte die Seite mit KEEPSAKE_ENDPOINT=URL."
ENDPOINT_GUEST = "Gäste einer öffentlichen Seite können keinen Server wählen."
IMPORT_PROFILE = "Ein Profil importieren"
PROFILE_FILE = "Eine exportierte Datei (.keepsake)"
IMPORT_AS, IMPORT_AS_INFO = "Unter dem Namen", "Leer: der Name in der Datei."
NO_PROFILE_FILE = "Lege zuerst die Datei eines Profils auf das Feld."
PROFILE_BACK = "{name} ist wieder da: {messages} Nachrichten, {facts} Fakten, {adapters} Adapter, {turns} Antworten, {votes} Stimmen."
DELETE_PROFILE = "Das gewählte Profil löschen"
DELETE_PROFILE_TEXT = (
    "Alles von dieser Person, auch der Name, ist dann endgültig weg. Exportiere es vorher, falls du es wiederhaben willst."
)
DELETE_PROFILE_YES = "Endgültig löschen"
DELETE_RUNNING = "Dieses Profil wird gerade eingeprägt: Brich das zuerst ab."
PROFILE_DELETED = "{name} ist endgültig weg: {rows}."
ADAPTER_IN_USE, ADAPTER_IN_USE_INFO = "Adapter in Gebrauch", "Frühere bleiben erhalten; wähle, welcher antwortet."
ADAPTER_CHOICE = "{number}, vom {created}: {facts} Fakten, auf {base}"
ADAPTER_CHOSEN = "Von jetzt an antwortet Adapter {number}."

# Edges
UNEXPECTED = "Etwas Unerwartetes ist schiefgegangen ({kind}){where}."
ATTENTION = "Bitte beachten"
ADDRESS = "Keepsake ist auf http://{host}:{port} (Strg-C beendet es; Daten in {folder})"
PORT_TAKEN = "Port {port} auf {host} kann nicht benutzt werden: Wähle mit --port oder KEEPSAKE_PORT einen anderen."
NOT_LOCAL = "Vorsicht: Mit --host {host} kann jeder, der diesen Rechner erreicht, alle Profile lesen; --auth fragt nach Passwörtern."

# Programs (app/endpoints.py, app/openai_api.py)
API_ON = "Programme auf diesem Rechner dürfen http://{host}:{port}/v1 mit dem Token in {path} benutzen."
API_IS_LOCAL = "--api ist für den Besitzer dieses Rechners: Es geht nicht zusammen mit --auth oder einem öffentlichen Space."
NO_TOKEN = "Sende das Token, das --api in den Datenordner geschrieben hat, als: Authorization: Bearer TOKEN."
NOT_JSON = "Die Anfrage ist kein JSON-Objekt."
NO_MODEL = "Gib model (ein Profil oder Profil:Seite) und messages an."
SIGN_IN_HUB = "Anmelden, um Deines zu behalten"

# Who may come in (app/access.py, app/gate.py, app/accounts.py)
NOBODY = "Diese Seite muss zuerst geladen werden: Öffne sie in einem Browser, oder lade sie neu, wenn Keepsake neu gestartet wurde."
NOT_YOURS = "Das gehört einem anderen Besucher dieser Seite."
NO_ENDPOINT = "Hier ist nichts."
WRONG_HOST = "Keepsake antwortet nicht unter dem Namen {host}: Öffne es unter seiner Adresse, oder nenne ihn in KEEPSAKE_HOSTS."
WRONG_ORIGIN = "Diese Anfrage kam von einer anderen Seite und wurde abgelehnt."
NOT_UNDERSTOOD = "Diese Anfrage ist keine der Seite."
TOO_LARGE = "Das ist mehr, als die Seite auf einmal sendet."
TOO_MANY = "Zu viele Anfragen: Warte einen Augenblick."
TOO_MANY_TRIES = "Zu viele Versuche: Warte eine Minute."
WRONG_PASSWORD = "Der Name oder das Passwort ist falsch."
SIGN_IN, SIGN_IN_NAME, SIGN_IN_PASSWORD = "Anmelden", "Name", "Passwort"
SIGN_IN_TEXT = "Dieses Keepsake wird geteilt. Jeder hat hier seine eigenen Profile und sieht die der anderen nicht."
NO_ACCOUNTS = "Es gibt noch keine Konten: Lege eines an mit python -m app.accounts add NAME."
BAD_ACCOUNT_NAME = "Der Name eines Kontos ist 1 bis 32 lang, aus a-z, 0-9, - und _, und \u201e{name}\u201c ist es nicht."
SHORT_PASSWORD = "Ein Passwort hat mindestens {count} Zeichen."
PASSWORDS_DIFFER = "Die zwei Passwörter unterscheiden sich: Nichts wurde geändert."
UNKNOWN_ACCOUNT = "Es gibt kein Konto namens \u201e{name}\u201c (es gibt: {names})."
ACCOUNTS_UNREADABLE = (
    "Die Datei der Konten {path} kann nicht gelesen werden: Stelle sie wieder her, oder lösche sie und lege die Konten neu an."
)
ACCOUNT_ADDED = "Das Konto {name} kann sich anmelden."
ACCOUNT_REMOVED = "Das Konto {name} kann sich nicht mehr anmelden; seine Daten sind noch in {folder}."

# Privacy (app/privacy_panel.py)
PRIVACY = "Privatsphäre: was wo gespeichert ist"
STORE_PLAIN = (
    "Dein Speicher ist nicht verschlüsselt: Wer die Dateien dieses Benutzerkontos lesen kann, kann ihn lesen. Eine Passphrase ändert das."
)
STORE_OPEN = "Dein Speicher ist verschlüsselt und entsperrt. Er sperrt sich nach {minutes} Minuten ohne Benutzung."
STORE_LOCKED = "Dein Speicher ist verschlüsselt und gesperrt."
STORAGE_FOLDER = "Wo nichts anderes steht, liegt es in {home}."
STORAGE_HEAD = ("Was", "Wo", "Durch Passphrase verschlüsselt", "So wird es entfernt")
STORAGE = (
    ("Nachrichten, Profilformular, Fakten, Fragen und Beispiele, Suchindex und Vektoren", "keepsake.db", "ja",
     "eine Nachricht oder einen Fakt vergessen, einen Import zurücknehmen oder das Profil löschen"),
    ("Adapter, fertige und halb trainierte: Gewichte, die deine Fakten gelernt haben", "keepsake.db", "ja",
     "Vergessen macht sie ungültig, die nächste Injektion ersetzt sie; mit dem Profil werden sie gelöscht"),
    ("Chats mit beiden Antworten, Stimmen, Berichte", "keepsake.db", "ja", "gelöscht mit dem, was sie zitieren, oder mit dem Profil"),
    ("Kopien, die Keepsake anlegt, bevor es die Form des Speichers ändert", "backups/before-*.db", "wie der Speicher es war",
     "sie verschwinden von selbst, wenn etwas vergessen wird"),
    ("Sicherungen, exportierte Profile und Adapter, die du angelegt hast", "wohin du sie gelegt hast",
     "Sicherungen wie der Speicher es war, Exporte nicht", "die Dateien löschen"),
    ("Abgelegte Dateien", "ein Ordner dieses Prozesses, nur für seinen Besitzer", "nein",
     "gelöscht nach Import oder Entfernen, spätestens wenn Keepsake endet"),
    ("Protokolle, Fortschritt und Warteschlange von Injektionen: Zahlen, nie das Gesagte", "jobs, accelerator, keepsake.log", "nein", "die Dateien löschen"),
    ("Der Name des letzten Profils", "dieser Browser", "nein", "die Daten dieser Seite im Browser löschen"),
)  # fmt: skip
PASSPHRASE, PRESENT_PASSPHRASE, NEW_PASSPHRASE, AGAIN = "Passphrase", "Jetzige Passphrase", "Neue Passphrase", "Neue Passphrase noch einmal"
PASSPHRASE_INFO = "Mehrere Wörter. Sie wird nirgends aufbewahrt: Ohne sie kann niemand den Speicher lesen."
UNLOCK, LOCK, ENCRYPT, DECRYPT = "Entsperren", "Jetzt sperren", "Verschlüsseln", "Verschlüsselung aufheben"
CHANGE_PASSPHRASE = "Passphrase ändern"
UNLOCK_INFO = "Der Speicher ist gesperrt. Laufende Injektionen laufen weiter."
UNLOCKED, LOCKED = "Entsperrt.", "Gesperrt. Schlüssel und Modell sind nicht mehr im Arbeitsspeicher."
NOT_ENCRYPTED = "Der Speicher ist nicht verschlüsselt: Gib ihm zuerst eine Passphrase."
PASSPHRASES_DIFFER = "Die beiden neuen Passphrasen sind verschieden: Nichts wurde geändert."
PASSPHRASE_CHANGED = "Die Passphrase ist geändert. Frühere Sicherungen behalten die alte."
ENCRYPTED = "Der Speicher ist verschlüsselt, und die alte Datei ist überschrieben."
DECRYPTED = "Der Speicher ist wieder eine lesbare Datei."
PLAIN_BACKUP = "Deine Sicherung {name} ist nicht verschlüsselt: Lösche sie oder bewahre sie dort auf, wo nur du sie lesen kannst."
STALE = (
    "Der Adapter weiß etwas, das du vergessen hast, und wird deshalb nicht benutzt. Drücke in Injektion auf Start, um ihn durch einen zu ersetzen, "
    "der es nie gesehen hat."
)
STALE_ALLOWED = "Der Adapter weiß etwas, das du vergessen hast, und du benutzt ihn trotzdem."
USE_STALE = "Trotzdem benutzen"
USE_STALE_INFO = "Bis zur nächsten Injektion, die ihn ersetzt."
NOTHING_FORGOTTEN = "Noch nichts wurde vergessen."
FORGOTTEN_KINDS = {"message": "Nachricht {number}", "fact": "Fakt {number}", "all": "alles"}
CERTIFICATES_HEAD = ("Bescheinigung", "Wann", "Vergessen", "Dateien, die es noch enthalten", "Ersetzt durch Adapter")
TRACES_DUE, DUE = "Bereinigung steht aus", "noch nicht: neu injizieren"
