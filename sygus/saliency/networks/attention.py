"""Attention among the tokens of a grid, seen while a network runs, whoever wrote it.

Networks compute it in one of three ways: by torch's function of scaled dot products, by torch's multi-head attention,
or by products around a softmax. The first two keep the weights to themselves, so what they do is done here step by
step; of the third the result of the softmax is noted.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_SOFTMAX = (torch.softmax, Tensor.softmax, functional.softmax)
_MULTI_HEAD = functional.multi_head_attention_forward
_MULTI_HEAD_ARGUMENTS = inspect.signature(_MULTI_HEAD)


class Attention(TorchFunctionMode):
    """While this lasts, the weights of self-attention among so many tokens are noted, as parts of the graph.

    Attention among others, as within windows, in which dropout is on, or of which some keys have no token, runs as it
    is and is not noted.

    Attributes:
        batch: pictures in the pass.
        tokens: T.
        found: the weights in the order in which they are computed, (batch, heads, T, T) or (batch · heads, T, T).
    """

    def __init__(self, batch: int, tokens: int) -> None:
        super().__init__()
        self.batch, self.tokens = batch, tokens
        self.found: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is functional.scaled_dot_product_attention:
            return self._of_dot_products(func, *args, **kwargs)
        if func is _MULTI_HEAD:
            return self._of_heads(func, *args, **kwargs)
        result = func(*args, **kwargs)
        if func in _SOFTMAX and _along_the_last(result, *args, **kwargs):
            self._note(result)
        return result

    def _note(self, weights: Tensor) -> None:
        if weights.dim() < 3 or weights.shape[-2:] != (self.tokens, self.tokens) or not weights.requires_grad:
            return
        if weights.shape[0] == self.batch or (weights.dim() == 3 and weights.shape[0] % self.batch == 0):
            self.found.append(weights)

    def _of_dot_products(
        self,
        func: Callable[..., Tensor],
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        **further: Any,
    ) -> Tensor:
        """As the function is documented."""
        if dropout_p > 0 or not query.shape[-2] == key.shape[-2] == self.tokens:
            return func(query, key, value, attn_mask, dropout_p, is_causal, **further)
        if further.get("enable_gqa"):
            key, value = (one.repeat_interleave(query.shape[-3] // one.shape[-3], -3) for one in (key, value))
        if is_causal:
            attn_mask = torch.ones(self.tokens, self.tokens, dtype=torch.bool, device=query.device).tril()
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            attn_mask = _added(~attn_mask, query)
        weights, result = _attend(query, key, value, attn_mask, further.get("scale"))
        self._note(weights)
        return result

    def _of_heads(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """As torch.nn.MultiheadAttention calls it: query, key and value are (T, batch, width)."""
        bound = _MULTI_HEAD_ARGUMENTS.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        query, key = given["query"], given["key"]
        if not _is_plain(given) or not query.shape[0] == key.shape[0] == self.tokens or query.dim() != 3:
            return func(*args, **kwargs)
        heads, mask = given["num_heads"], given["attn_mask"]
        query, key, value = (one.reshape(*one.shape[:2], heads, -1).permute(1, 2, 0, 3) for one in _projected(given))
        if mask is not None:
            mask = _added(mask, query) if mask.dtype == torch.bool else mask
            mask = mask.reshape(-1, heads, *mask.shape[1:]) if mask.dim() == 3 else mask
        weights, result = _attend(query, key, value, mask, None)
        self._note(weights)
        joined = result.permute(2, 0, 1, 3).flatten(2)
        output = functional.linear(joined, given["out_proj_weight"], given["out_proj_bias"])
        shown = weights.to(query.dtype)
        shown = shown.mean(1) if given["average_attn_weights"] else shown
        return output, shown if given["need_weights"] else None


def _along_the_last(result: Tensor, _: Tensor, dim: int | None = None, *__: Any, **___: Any) -> bool:
    return dim is not None and dim % result.dim() == result.dim() - 1


def _added(hidden: Tensor, like: Tensor) -> Tensor:
    """What is added to products so that those hidden have no weight."""
    return torch.zeros(hidden.shape, dtype=like.dtype, device=like.device).masked_fill_(hidden, -math.inf)


def _attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float | None
) -> tuple[Tensor, Tensor]:
    """The weights (…, T, T) of some heads, in at least float32 as torch's kernels sum, and what they give."""
    kind = torch.promote_types(query.dtype, torch.float32)
    products = query.to(kind) @ key.to(kind).transpose(-2, -1)
    products = products * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    weights = torch.softmax(products if mask is None else products + mask, -1)
    return weights, (weights @ value.to(kind)).to(query.dtype)


_FURTHER = ("bias_k", "bias_v", "static_k", "static_v", "key_padding_mask")


def _is_plain(given: Mapping[str, Any]) -> bool:
    """Whether every key is a token, and nothing is drawn by chance."""
    added = given["add_zero_attn"] or any(given[name] is not None for name in _FURTHER)
    return not added and not (given["training"] and given["dropout_p"] > 0)


def _projected(given: Mapping[str, Any]) -> list[Tensor]:
    """Query, key and value of all heads, each (T, batch, width)."""
    if given["use_separate_proj_weight"]:
        weights = [given["q_proj_weight"], given["k_proj_weight"], given["v_proj_weight"]]
    else:
        weights = given["in_proj_weight"].chunk(3)
    bias = given["in_proj_bias"]
    biases = (None, None, None) if bias is None else bias.chunk(3)
    inputs = (given["query"], given["key"], given["value"])
    return [functional.linear(*one) for one in zip(inputs, weights, biases, strict=True)]
