"""The form by which a visitor signs in where there are accounts: a plain page of HTML, without a script."""

import html
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from app import sentences as say

LONGEST_FORM = 4096  # bytes

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 0; display: grid; place-items: center; min-height: 100vh; background: #fafaf9; color: #1c1917 }}
form {{ background: #fff; border: 1px solid #e7e5e4; border-radius: 12px; padding: 28px; width: min(22rem, 86vw); display: grid; gap: 14px }}
h1 {{ margin: 0; font-size: 1.5rem }} p {{ margin: 0; color: #57534e }} p.bad {{ color: #b91c1c }}
label {{ display: grid; gap: 4px; font-weight: 600 }} input {{ font: inherit; padding: 8px 10px; border: 1px solid #a8a29e; border-radius: 8px }}
button {{ font: inherit; font-weight: 600; padding: 9px; border: 0; border-radius: 8px; background: #0f766e; color: #fff; cursor: pointer }}
:focus-visible {{ outline: 3px solid #5eead4; outline-offset: 1px }}
@media (prefers-color-scheme: dark) {{ body {{ background: #1c1917; color: #fafaf9 }} form {{ background: #292524; border-color: #44403c }}
p {{ color: #d6d3d1 }} p.bad {{ color: #fca5a5 }} input {{ background: #1c1917; color: inherit }} }}
</style></head><body><main><form method="post" action="/sign-in"><h1>{title}</h1><p>{text}</p>{said}
<label>{name}<input name="name" autocomplete="username" autocapitalize="none" required autofocus></label>
<label>{password}<input name="password" type="password" autocomplete="current-password" required></label>
<button>{button}</button></form></main></body></html>"""


def render(said: str = "") -> str:
    """The form, with what was wrong the last time."""
    return _PAGE.format(
        title=html.escape(say.TITLE),
        text=html.escape(say.SIGN_IN_TEXT),
        said=f'<p class="bad" role="alert">{html.escape(said)}</p>' if said else "",
        name=html.escape(say.SIGN_IN_NAME),
        password=html.escape(say.SIGN_IN_PASSWORD),
        button=html.escape(say.SIGN_IN),
    )


async def read_form(receive: Callable[[], Awaitable[MutableMapping[str, Any]]]) -> tuple[str, str]:
    """Name and password of a posted form; empty ones for anything else."""
    body, more = b"", True
    while more and len(body) <= LONGEST_FORM:
        message = await receive()
        body += message.get("body", b"")
        more = bool(message.get("more_body"))
    form = parse_qs(body[:LONGEST_FORM].decode("utf-8", "replace"), keep_blank_values=True)
    return form.get("name", [""])[0].strip().lower(), form.get("password", [""])[0]
