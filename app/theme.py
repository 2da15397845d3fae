"""The look of the page: Gradio's theme with fonts of this machine (nothing is fetched), and the style in page.css."""

from pathlib import Path

import gradio as gr

THEME = gr.themes.Soft(
    primary_hue="teal",
    secondary_hue="teal",
    neutral_hue="stone",
    font=["system-ui", "-apple-system", "Segoe UI", "sans-serif"],
    font_mono=["ui-monospace", "Consolas", "monospace"],
).set(button_large_padding="9px 18px", block_label_text_weight="500")

CSS = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
