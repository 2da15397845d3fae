"""The pieces of a Llama layer with gradients of our own: fewer passes over memory than the general ones, and LoRAs folded into weights.

In: flat rows of hidden states, (tokens, width). Out: the same, differentiable in the states and in the LoRAs; base weights are frozen.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import silu

# LoRAs of one layer as one: A (ranks, in), B (out, ranks) with the scale in it; their product is added to the weight.
Folded = tuple[Tensor, Tensor]


class Norm(Function):
    """Root-mean-square norm of each row, times a frozen weight (arXiv 1910.07467)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        """(tokens, width) to the same."""
        factor = torch.linalg.vecdot(x, x).div_(x.shape[-1]).add_(epsilon).rsqrt_()[:, None]
        ctx.save_for_backward(x, weight, factor)
        return (x * factor).mul_(weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Of the input alone."""
        x, weight, factor = ctx.saved_tensors
        inner = grads[0] * weight
        along = torch.linalg.vecdot(inner, x)[:, None] * (factor**3 / x.shape[-1])
        return inner.mul_(factor).addcmul_(x, along, value=-1), None, None


class Rotate(Function):
    """Rotary positions (arXiv 2104.09864): (tokens, heads, head width), the halves of a head turned by (tokens, 1, half) angles."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Turned."""
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Turned back."""
        cos, sin = ctx.saved_tensors
        return _turned(grads[0], cos, -sin), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    low, high = x[..., :half], x[..., half:]
    out = torch.empty(x.shape, dtype=x.dtype)
    torch.mul(low, cos, out=out[..., :half]).addcmul_(high, sin, value=-1)
    torch.mul(high, cos, out=out[..., half:]).addcmul_(low, sin)
    return out


@dataclass(frozen=True)
class FeedForwardWeights:
    """Gate and up in one (2 * inner, width), down (width, inner); frozen."""

    gate_up: Tensor
    down: Tensor


class FeedForward(Function):
    """down(silu(gate(x)) * up(x)) with LoRAs on all three or on none (`None`s)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weights: FeedForwardWeights, a_gate: Tensor, b_gate: Tensor, a_up: Tensor, b_up: Tensor, a_down: Tensor,
        b_down: Tensor,
    ) -> Tensor:  # fmt: skip
        """(tokens, width) to the same; all six factors are given, or all are None."""
        gate_up, down = weights.gate_up, weights.down
        inner = down.shape[1]
        if a_gate is not None:
            gate_up, down = gate_up.clone(), torch.addmm(down, b_down, a_down)
            gate_up[:inner].addmm_(b_gate, a_gate)
            gate_up[inner:].addmm_(b_up, a_up)
        both = x @ gate_up.T
        gated = silu(both[:, :inner])
        hidden = gated * both[:, inner:]
        ctx.save_for_backward(x, both, gated, hidden, gate_up, down, a_gate, b_gate, a_up, b_up, a_down, b_down)
        return hidden @ down.T

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Of the input, and of each LoRA's two factors by thin products."""
        x, both, gated, hidden, gate_up, down, a_gate, b_gate, a_up, b_up, a_down, b_down = ctx.saved_tensors
        grad = grads[0]
        inner = down.shape[1]
        of_hidden = grad @ down
        of_both = torch.empty_like(both)
        torch.mul(of_hidden, gated, out=of_both[:, inner:])
        of_hidden *= both[:, inner:]
        torch.ops.aten.silu_backward.grad_input(of_hidden, both[:, :inner], grad_input=of_both[:, :inner])
        of_x = of_both @ gate_up if ctx.needs_input_grad[0] else None
        if a_gate is None:
            return of_x, None, None, None, None, None, None, None
        return (
            of_x, None, *_of_lora(x, of_both[:, :inner], a_gate, b_gate), *_of_lora(x, of_both[:, inner:], a_up, b_up),
            *_of_lora(hidden, grad, a_down, b_down),
        )  # fmt: skip


def _of_lora(x: Tensor, grad: Tensor, a: Tensor, b: Tensor) -> Folded:
    """Gradients of A and B where y = x (W + BA)^T."""
    return (grad @ b).T @ x, grad.T @ (x @ a.T)
