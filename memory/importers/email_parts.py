"""The text of a mail: its parts come in, plain text comes out, of HTML what is seen.

Attachments and attached mails are not looked into; of a mail quoted in HTML only a line ">" is left.
"""

import re
from collections.abc import Iterator
from email.message import Message
from html.parser import HTMLParser
from typing import cast

DEEPEST = 20  # parts inside of parts
DEEPEST_HIDDEN = 500  # elements inside of a hidden one; more is an attack
# Names under which mails mean a larger set of letters.
_CHARSETS = {
    "iso-8859-1": "cp1252", "latin-1": "cp1252", "us-ascii": "utf-8", "ascii": "utf-8", "gb2312": "gb18030", "gbk": "gb18030",
    "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "iso-8859-9": "cp1254",
}  # fmt: skip

_BREAK = "\v"  # where HTML breaks a line; a line end in its text is only a blank
_PARAGRAPHS = frozenset("p h1 h2 h3 h4 h5 h6 ul ol".split())
_BLOCKS = _PARAGRAPHS | frozenset("address article body dd div dl dt footer form header hr li pre section table tr".split())
_UNSEEN = frozenset("script style title template object svg select textarea".split())
_EMPTY = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_QUOTE = re.compile(r"yahoo_quoted|mail-editor-reference-message-container|isReplyContent|isForwardContent|AppleOriginalContents")
_SIGNATURE = re.compile(r"gmail_signature|moz-signature|ms-outlook-mobile-signature|protonmail_signature_block")


def text_of_mail(mail: Message) -> str:
    """All text that a mail shows, in its order."""
    return "\n\n".join(text for text in _texts(mail, 0) if text.strip())


def _texts(part: Message, depth: int) -> Iterator[str]:
    """The texts of a part; of alternatives the plain one, or the HTML where that is empty."""
    kind = part.get_content_type()
    if part.get_content_disposition() == "attachment" or part.get_filename() or depth > DEEPEST:
        return
    if part.is_multipart() and part.get_content_maintype() == "multipart":
        inner = cast(list[Message], part.get_payload())
        if kind != "multipart/alternative":
            for one in inner:
                yield from _texts(one, depth + 1)
            return
        for one in sorted(inner, key=lambda one: one.get_content_type() != "text/plain"):
            texts = list(_texts(one, depth + 1))
            if any(text.strip() for text in texts):
                yield from texts
                return
    elif kind == "text/html":
        yield text_of_html(_body(part))
    elif kind == "text/plain":
        text = _body(part)
        if str(part.get_param("format", "")).casefold() == "flowed":
            text = _unfolded(text, str(part.get_param("delsp", "")).casefold() == "yes")
        yield text


def _body(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    in_html = re.search(rb"<meta[^>]+charset=[\"']?([\w-]+)", payload[:4096], re.IGNORECASE)
    return decoded(payload, str(part.get_content_charset(in_html[1].decode() if in_html else "utf-8")))


def decoded(raw: bytes, charset: str) -> str:
    """Bytes as text: as the mail says if that can be, else as UTF-8, else as Windows Latin."""
    for name in (_CHARSETS.get(charset.casefold(), charset), "utf-8"):
        try:
            return raw.decode(name)
        except (LookupError, ValueError):
            continue
    return raw.decode("cp1252", "replace")


def _unfolded(text: str, delete_space: bool) -> str:
    """The lines of a text in the format "flowed" (RFC 3676) as the paragraphs that they are."""
    lines: list[str] = []
    goes_on = False
    for line in text.replace("\r\n", "\n").split("\n"):
        quoted = line.startswith(">")
        line = line[1:] if line.startswith(" ") else line
        if goes_on and not quoted and line != "-- ":
            lines[-1] = lines[-1].removesuffix(" " if delete_space else "") + line
        else:
            lines.append(line)
        goes_on = line.endswith(" ") and line != "-- " and not quoted
    return "\n".join(lines)


def text_of_html(html: str) -> str:
    """What is seen of the HTML of a mail, one line for each of its lines."""
    reader = _Reader()
    try:
        reader.feed(html)
        reader.close()
    except AssertionError:  # how HTMLParser stops at a broken declaration
        pass
    lines = (re.sub(r"[ \t\n\r\f\u00a0]+", " ", line).strip(" ") for line in "".join(reader.pieces).split(_BREAK))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


class _Reader(HTMLParser):
    """Collects what is seen; `unseen` holds the open elements from the outermost hidden one inwards."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.unseen: list[str] = []
        self.in_pre = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        marks, style = given.get("class", "") + " " + given.get("id", ""), given.get("style", "").replace(" ", "").casefold()
        # Gmail writes an indented paragraph as a quote without a border.
        is_quote = _QUOTE.search(marks) or (tag == "blockquote" and "border:none" not in style)
        if self.unseen or is_quote or tag in _UNSEEN or "display:none" in style or _SIGNATURE.search(marks):
            if is_quote and not self.unseen:
                self.pieces += [_BREAK, ">", _BREAK]
            if tag not in _EMPTY and len(self.unseen) < DEEPEST_HIDDEN:
                self.unseen.append(tag)
        elif tag == "br":
            self.pieces.append(_BREAK)
        else:
            self._block(tag, blank_before="MsoNormal" not in marks)
            self.in_pre = self.in_pre or tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if tag in self.unseen:
            while self.unseen.pop() != tag:  # what was left open inside ends with it
                pass
        elif not self.unseen:
            self._block(tag, blank_before=False)
            self.in_pre = self.in_pre and tag != "pre"

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            data = data.replace(_BREAK, " ")
            self.pieces.append(data.replace("\n", _BREAK) if self.in_pre else data)

    def _block(self, tag: str, blank_before: bool) -> None:
        """Blocks stand on lines of their own, paragraphs after a blank line."""
        if tag not in _BLOCKS:
            return
        while self.pieces and not self.pieces[-1].strip(" \t\r\n\f"):
            self.pieces.pop()
        if self.pieces and self.pieces[-1] != _BREAK:
            self.pieces.append(_BREAK)
        if self.pieces and tag in _PARAGRAPHS and blank_before:
            self.pieces.append(_BREAK)
