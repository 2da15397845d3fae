"""Lines of a base's reply without list marks and quotes. In: a reply. Out: plain lines."""

import re

LIST_MARK = re.compile(r"^\s*(?:[-*•]|\d+[.)]|[QA]:)\s*")


def plain_lines(reply: str) -> list[str]:
    """The lines that say something, each without its bullet, number or quotation marks."""
    lines = (LIST_MARK.sub("", line).strip().strip('"').strip() for line in reply.splitlines())
    return [line for line in lines if line]
