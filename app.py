"""Starts the page: `python app.py [--port N] [--host ADDRESS]`. Everything else is in app/."""

import argparse
import os

# Before gradio and transformers are imported: nothing is counted, reported or fetched unless the person asks for it.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
if "HF_HUB_OFFLINE" not in os.environ:
    # Our default, not the person's wish: an injection on a hub model that they typed may fetch it (see app/worker.py).
    os.environ |= {"HF_HUB_OFFLINE": "1", "KEEPSAKE_HUB_ON_REQUEST": "1"}


def main() -> int:
    """Serves the page until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python app.py", description="Keepsake's page, on this machine only by default.")
    parser.add_argument("--port", type=int, default=os.environ.get("KEEPSAKE_PORT", "7860"), help="default: KEEPSAKE_PORT or 7860")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1, reachable from this machine only")
    parser.add_argument("--auth", action="store_true", help="ask for a password; accounts: python -m app.accounts add NAME")
    parser.add_argument(
        "--api", action="store_true", help="let programs on this machine in, by token: named endpoints and /v1/chat/completions"
    )
    options = parser.parse_args()
    from app.page import launch

    return launch(options.host, options.port, options.auth, options.api)


if __name__ == "__main__":
    raise SystemExit(main())
