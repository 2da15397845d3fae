"""A Llama-like base with a byte-level tokenizer as a GGUF file in 16 or 32 bits, so that the embedded base runs in llama.cpp without its tools.

In: a loaded base. Out: one file. llama.cpp knows a fixed set of rules for cutting text into words and pocket's are not among them: the
nearest (`starcoder`: digits alone) differs in runs of punctuation, so rare texts get other tokens than in Keepsake.
"""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from torch import Tensor

from tuning.bases import LoadedBase
from tuning.errors import ExportFailed

SPLITTING = "starcoder"
DTYPES = {"f32": (np.float32, gguf.LlamaFileType.ALL_F32), "f16": (np.float16, gguf.LlamaFileType.MOSTLY_F16)}


def write_base(path: Path, loaded: LoadedBase, dtype: str = "f16") -> None:
    """Write base and tokenizer; raises ExportFailed for a base of another make."""
    config: Any = loaded.model.config
    vocabulary = _vocabulary(loaded)
    if config.model_type != "llama":
        raise ExportFailed(
            f'A GGUF of the base is only written for Llama-like ones, not "{config.model_type}": use llama.cpp\'s convert_hf_to_gguf.py.'
        )
    writer = gguf.GGUFWriter(path, "llama")
    kind, file_type = DTYPES[dtype]
    writer.add_name(loaded.base.id.rsplit("/", 1)[-1])
    writer.add_file_type(file_type)
    _add_shape(writer, config)
    _add_tokenizer(writer, loaded, vocabulary)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, loaded.layers)
    for name, tensor in loaded.model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        target = names.get_name(name, try_suffixes=(".weight",))
        if target is None:
            raise ExportFailed(f"llama.cpp has no place for the weight {name}.")
        data = _permuted(name, tensor.float().cpu(), config).numpy()
        writer.add_tensor(target, data if data.ndim == 1 else data.astype(kind))  # llama.cpp keeps norms in 32 bits
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_shape(writer: gguf.GGUFWriter, config: Any) -> None:
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    for add in (writer.add_rope_dimension_count, writer.add_key_length, writer.add_value_length):
        add(head)
    writer.add_vocab_size(config.vocab_size)


def _vocabulary(loaded: LoadedBase) -> dict[str, Any]:
    """The tokenizer's own file; its vocabulary and merges are what GGUF holds."""
    data = json.loads(loaded.tokenizer.backend_tokenizer.to_str())  # type: ignore[attr-defined]
    if data["model"]["type"] != "BPE" or data["model"].get("byte_fallback"):
        raise ExportFailed("A GGUF of the base is only written for byte-level BPE tokenizers.")
    return dict(data)


def _add_tokenizer(writer: gguf.GGUFWriter, loaded: LoadedBase, data: dict[str, Any]) -> None:
    size = int(loaded.model.config.vocab_size)
    tokens = [f"<|unused{number}|>" for number in range(size)]
    types = [gguf.TokenType.UNUSED] * size
    for text, number in data["model"]["vocab"].items():
        tokens[number], types[number] = text, gguf.TokenType.NORMAL
    for added in data["added_tokens"]:
        tokens[added["id"]] = added["content"]
        types[added["id"]] = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(SPLITTING)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    merges = data["model"]["merges"]
    writer.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in merges])
    writer.add_eos_token_id(int(loaded.tokenizer.eos_token_id))
    writer.add_pad_token_id(int(loaded.tokenizer.pad_token_id or 0))
    writer.add_add_bos_token(False)
    writer.add_chat_template(str(loaded.tokenizer.chat_template))


def _permuted(name: str, weight: Tensor, config: Any) -> Tensor:
    """Queries and keys in llama.cpp's order: it turns neighbouring pairs of a head, transformers turns halves."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(name.split(".")[-2] if "." in name else "")
    if not heads:
        return weight
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape).contiguous()


def same_tokens(loaded: LoadedBase, tokenize: Any, texts: list[str]) -> list[str]:
    """The texts that another tokenizer (`tokenize(text)` gives ids) cuts differently."""
    return [text for text in texts if list(tokenize(text)) != loaded.tokenizer(text, add_special_tokens=False)["input_ids"]]


__all__ = ["DTYPES", "SPLITTING", "same_tokens", "write_base"]
