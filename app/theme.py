"""The look of the page: Gradio's theme with this machine's own fonts (nothing is fetched), and page.css."""

from pathlib import Path

import gradio as gr

CSS = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")

THEME = gr.themes.Default(
    primary_hue="teal",
    secondary_hue="teal",
    neutral_hue="stone",
    radius_size="md",
    font=["system-ui", "-apple-system", "Segoe UI", "sans-serif"],
    font_mono=["ui-monospace", "Consolas", "monospace"],
).set(
    # Dark enough for white words on the buttons, and for small grey ones on white (contrast over 4.5).
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_text_color="white",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_400",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_400",
    body_background_fill="*neutral_50",
    block_title_text_weight="600",
    block_label_text_color="*neutral_700",
    block_label_text_color_dark="*neutral_200",
    button_large_padding="8px 20px",
    button_large_text_size="*text_md",
    button_large_text_weight="600",
)
