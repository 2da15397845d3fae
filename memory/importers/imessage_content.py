"""The content of a message in a text of imessage-exporter: its lines come in, the sender's words or the reason for none come out.

The exporter marks nothing: a path, a tapback or an app's caption stands among the words as plain lines. Each form is known from the
exporter's source (versions 1 to 4) and matched as narrowly as it is written there.
"""

import re

from memory.importers.export import CALLS, DELETED, MEDIA, NOTICES, WITHOUT_TEXT, clean_text

STAMP = r"[A-Z][a-z]{2} \d{2}, \d{4} [ \d]\d:\d{2}:\d{2} [AP]M"
RESPONDED = "This message responded to an earlier message."
REMOVED = "This message was deleted from the conversation!"
TRANSLATED = "Translated from:"

_TAPBACKS = {"Tapbacks:", "Reactions:"}
_TAPBACK = re.compile(r"(?P<indent>\s*)(?:(?:Loved|Liked|Disliked|Laughed|Emphasized|Questioned|[^\w\s]\S{0,15}) by .+|.*Sticker from .+)")
_EFFECT = re.compile(
    r"Sent with (?:Confetti|Echo|Fireworks|Balloons|Heart|Lasers|Shooting Star[t]?|Sparkles|Spotlight|Slam|Loud|Gentle|Invisible Ink)|"
    r"com\.apple\.(?:messages\.effect|MobileSMS\.expressivesend)\.\S+"
)
_UNSENT = re.compile(r".+ (?:unsent|deleted) this message part(?: .+ after sending)?[!.]")
_FIRST_TEXT = re.compile(rf"{STAMP} (?P<text>.*)")
_LATER_TEXT = re.compile(r"\s*Edited (?:\d+ (?:day|hour|minute|second)s?(?:, )?)* later: (?P<text>.*)")
_URL = re.compile(r"https?://\S+")

_MEDIA_SUFFIX = (
    r"\.(?:heic|heif|jpe?g|png|gif|tiff?|webp|bmp|svg|mov|mp4|m4v|3gpp?|avi|caf|amr|m4a|mp3|wav|aac|opus|pdf|vcf|ics|zip|key|pages|numbers|"
    r"docx?|xlsx?|pptx?|pluginPayloadAttachment)"
)
_ATTACHMENT = re.compile(
    r"Attachment missing(?: name metadata)?!|"
    r"(?:~|[A-Za-z]:)?[/\\].*(?:Attachments|StickerCache|Library[/\\]SMS)[/\\].*|"  # where the Mac or the phone keeps it
    r"(?:.*[/\\])?attachments[/\\](?:\d+|orphaned)[/\\].+|"  # a copy beside the export
    r"[/\\].*[/\\](?P<hash>[0-9a-f]{2})[/\\](?P=hash)[0-9a-f]{38}|"  # inside a backup of a phone
    rf"[^\s/\\]+{_MEDIA_SUFFIX}|"
    rf"(?:IMG|Audio Message|Screen ?[Ss]hot|Screen Recording|Photo|Video|image|FullSizeRender|RPReplay)[^/\\]*{_MEDIA_SUFFIX}|"
    r"(?:\w+ )?Sticker from .+: .*",
    re.IGNORECASE,
)
_TRANSCRIPT = re.compile(r"Transcription: (?P<text>.*)")

# A message whose whole content an app or the phone wrote.
_WHOLE: tuple[tuple[str, str], ...] = (
    (CALLS, r"SharePlay Message\nEnded"),
    (NOTICES, r"(?:Started sharing|Stopped sharing|Shared) location!"),
    (NOTICES, r"Unable to format app message: .*"),
    (NOTICES, r"Check\s?In(?:: .*)?|.*\n(?:Expected at|Was expected at|Checked in at) " + STAMP),
    (NOTICES, r"Find My(?::.*)?"),
    (NOTICES, r"(?:Apple Cash|Apple Pay|[$€£¥][\d.,]+).* transaction: .*"),
    (NOTICES, r"(?:Fitness|Activity|Workout|Sharing) message: .*|.*\$\(kIMTranscriptPlugin.*"),
    (NOTICES, r"(?:(?:com|net|org|io|app|co)\.[\w.:-]+|GamePigeon|OpenTable|Netflix|Spotify|YouTube|Venmo|PayPal|Cash App|Zelle|Polls?|Photos|"
              r"Maps|Apple Maps|Google Maps|Apple Music|Music|Notes|Reminders|Freeform|Safari|Pages|Numbers|Keynote|GIPHY|Tenor|#images|Memoji|"
              r"Airbnb|Pinterest|Zillow|Starbucks|Uber|Lyft|Game Center|App Store|Podcasts|News|TV|Calendar|Files|iCloud|Splitwise|Doodle|"
              r"Words With Friends|ESPN|Yelp|TikTok|Instagram|Bitmoji|Fandango|Weather) message:(?:\n.*)?"),
    # What a phone that knows no tapbacks is sent for one.
    (NOTICES, r"(?:Loved|Liked|Disliked|Laughed at|Emphasized|Questioned|Reacted [^\w\s]\S{0,15} to) (?:“.*”|an? (?:image|movie|audio message|attachment|sticker))"),
    (NOTICES, r"Removed an? (?:heart|like|dislike|laugh|exclamation|question mark|[^\w\s]\S{0,15}) from (?:“.*”|an? (?:image|movie|audio message|attachment|sticker))"),
    (MEDIA, r"Photo album: .*"),
    (MEDIA, r"Digital Touch (?:Message: .*|(?:Kiss|Tap|Sketch|Heartbeat|Fireball|Anger|Video|Message)\b[^\n]*)"),
    (MEDIA, r"(?:[* ]*\n){4,}[* ]*"),  # handwriting, drawn with stars
)  # fmt: skip
_WHOLES = [(reason, re.compile(form, re.DOTALL)) for reason, form in _WHOLE]


def said(lines: list[str]) -> tuple[str, str | None, bool]:
    """(what was said, why nothing was, whether it was edited) of the lines below a message's sender."""
    lines = _without_ends([line.replace("\ufffc", "") for line in lines])
    if lines and lines[0] == REMOVED:
        return "", DELETED, False
    lines = _without_tapbacks(lines)
    while len(lines) > 1 and _EFFECT.fullmatch(lines[-1]):
        lines = _without_ends(lines[:-1])
    whole = "\n".join(lines)
    for reason, form in _WHOLES:
        if form.fullmatch(whole):
            return "", reason, False
    if lines and _is_poll(lines):
        return "", NOTICES, False
    sent = [line for line in lines if not _UNSENT.fullmatch(line)]
    words = _without_attachments(sent)
    if TRANSLATED in words[1:]:  # a translation by the phone stands before what was written
        words = words[words.index(TRANSLATED, 1) + 1 :]
    words, edited = _last_version(words)
    text = clean_text("\n".join(words))
    if text:
        return _without_preview(text), None, edited
    if len(sent) < len(lines):
        return "", DELETED, edited
    return "", MEDIA if lines else WITHOUT_TEXT, edited


def _without_ends(lines: list[str]) -> list[str]:
    """Without the blank lines at the end and the remark that a message is an answer."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1] == RESPONDED):
        end -= 1
    return lines[:end]


def _without_tapbacks(lines: list[str]) -> list[str]:
    kept: list[str] = []
    place = 0
    while place < len(lines):
        first = _TAPBACK.fullmatch(lines[place + 1]) if lines[place] in _TAPBACKS and place + 1 < len(lines) else None
        if first is None:
            kept.append(lines[place])
            place += 1
            continue
        place += 2
        while place < len(lines) and (more := _TAPBACK.fullmatch(lines[place])) and more["indent"] == first["indent"]:
            place += 1
        if not first["indent"] and place < len(lines) and not lines[place]:
            place += 1  # older versions set a blank line behind them
    return _without_ends(kept)


def _without_attachments(lines: list[str]) -> list[str]:
    """Without the lines that name a file; the phone's transcript of a sound is what its sender said."""
    kept: list[str] = []
    after_file = False
    for line in lines:
        transcript = _TRANSCRIPT.fullmatch(line) if after_file else None
        after_file = bool(_ATTACHMENT.fullmatch(line.strip()))
        if transcript:
            kept.append(transcript["text"])
        elif not after_file:
            kept.append(line)
    return kept


def _last_version(lines: list[str]) -> tuple[list[str], bool]:
    """An edited text is written with its whole history: of it, the last version."""
    edits = [place for place, line in enumerate(lines) if _LATER_TEXT.fullmatch(line)]
    starts = [place for place, line in enumerate(lines) if _FIRST_TEXT.fullmatch(line)]
    if not edits or not starts or starts[0] > edits[0]:
        return lines, False
    last = _LATER_TEXT.fullmatch(lines[edits[-1]])
    return [*lines[: starts[0]], *([last["text"]] if last else []), *lines[edits[-1] + 1 :]], True


def _without_preview(text: str) -> str:
    """A link is followed by the title and summary of its page, which nobody wrote; what is set off by a blank line was typed."""
    first, *others = text.split("\n")
    return first if _URL.fullmatch(first) and all(line.strip() for line in others) else text


def _is_poll(lines: list[str]) -> bool:
    """Options with a count, each followed by as many names; a shopping list has the counts only."""
    place, votes = 0, 0
    while place < len(lines):
        option = re.fullmatch(r"- .+ \((\d+)\)", lines[place])
        if option is None:
            return False
        voters = int(option[1])
        if not all(line.startswith("  - ") for line in lines[place + 1 : place + 1 + voters]) or place + voters >= len(lines):
            return False
        place, votes = place + 1 + voters, votes + voters
    return votes > 0
