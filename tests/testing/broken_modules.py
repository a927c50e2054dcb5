"""Modules that break one promise each, and the sentence with which that must be told."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from stgan._checks import check_layout

Shape = tuple[int, ...]


class Scale(nn.Module):
    """A good module: a factor for every channel of a clip."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))

    def forward(self, video: Tensor) -> Any:
        check_layout(video, "N C T H W", name="video", C=3)
        return self.change(video * self.weight[:, None, None, None])

    def change(self, video: Tensor) -> Any:
        return video

    def output_shape(self, input_shape: Shape) -> Any:
        return tuple(input_shape)


class OtherShape(Scale):
    def output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:2], 1, 1, 1)


class NoShape(Scale):
    output_shape = None  # type: ignore[assignment]


class Tries(Scale):
    def output_shape(self, input_shape: Shape) -> Shape:
        return tuple(self(torch.zeros(input_shape)).shape)


class TriesAPart(Scale):
    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Identity()

    def output_shape(self, input_shape: Shape) -> Shape:
        return tuple(self.part(torch.zeros(input_shape)).shape)


class Half(Scale):
    """The second output stays in float32 whatever comes in."""

    def change(self, video: Tensor) -> tuple[Tensor, Tensor]:
        return video, torch.ones(video.shape[0], device=video.device)

    def output_shape(self, input_shape: Shape) -> tuple[Shape, Shape]:
        return input_shape, input_shape[:1]


class OnTheCpu(Half):
    def change(self, video: Tensor) -> tuple[Tensor, Tensor]:
        return video, torch.ones(video.shape[0], dtype=video.dtype)


class Writes(Scale):
    def forward(self, video: Tensor) -> Tensor:
        check_layout(video, "N C T H W", name="video", C=3)
        out = video + self.weight[:, None, None, None]
        video.detach()[:, :, 0] = 7.0
        return out


class Demands(Scale):
    def forward(self, video: Tensor) -> Any:
        if self.training and not torch.compiler.is_compiling():
            video.requires_grad_()
        return super().forward(video)


class Unused(Scale):
    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Parameter(torch.zeros(2))


class Drawn(Scale):
    def change(self, video: Tensor) -> Tensor:
        return video + torch.rand((), dtype=video.dtype, device=video.device)


class Centered(Scale):
    def change(self, video: Tensor) -> Tensor:
        return video - video.mean(dim=0, keepdim=True)


class Ranked(Scale):
    def change(self, video: Tensor) -> Tensor:
        ranks = torch.ones_like(video).cumsum(dim=0)
        return video * ranks.where(ranks > 1, ranks)


class Lambda(Scale):
    def __init__(self) -> None:
        super().__init__()
        self.act = lambda video: video


class Forgets(Scale):
    """Loses a setting on the way through a pickle."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor

    def change(self, video: Tensor) -> Tensor:
        return video * self.factor

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"factor": 1.0}

    def __deepcopy__(self, memo: dict[int, Any]) -> "Forgets":
        twin = Forgets(self.factor)
        twin.load_state_dict(self.state_dict())
        return twin.train(self.training)


class Shares(Scale):
    def __deepcopy__(self, memo: dict[int, Any]) -> "Shares":
        twin = Shares()
        twin.weight = self.weight
        return twin.train(self.training)


class NoCopy(Scale):
    def __deepcopy__(self, memo: dict[int, Any]) -> "NoCopy":
        raise TypeError("cannot be copied")


class Hidden(Scale):
    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {}

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        return None


class Unsaved(Scale):
    """Keeps a number that training moves where no state dict sees it."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = 1.0

    def change(self, video: Tensor) -> Tensor:
        if self.training:
            self.factor *= 1.1
        return video * self.factor


class Unkept(Scale):
    """A running mean in a buffer that is left out of the state dict."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()), persistent=False)

    def change(self, video: Tensor) -> Tensor:
        if self.training:
            self.mean.lerp_(video.detach().mean(), 0.5)
        return video - self.mean


class Overflows(Scale):
    """One over a number that bfloat16 rounds to zero."""

    def change(self, video: Tensor) -> Tensor:
        one = torch.ones(1, 1, dtype=video.dtype, device=video.device)
        return video / (1 - nn.functional.linear(one, one * 0.999)).flatten()


class Views(Scale):
    def change(self, video: Tensor) -> Tensor:
        return video.view(video.shape[0], video.shape[1:].numel()).sin().view(video.shape)


class Breaks(Scale):
    def change(self, video: Tensor) -> Tensor:
        torch._dynamo.graph_break()
        return video


class Differs(Scale):
    def change(self, video: Tensor) -> Tensor:
        return video * 2 if torch.compiler.is_dynamo_compiling() else video


class DiffersBackward(Scale):
    def change(self, video: Tensor) -> Tensor:
        return video + (video - video.detach() if torch.compiler.is_dynamo_compiling() else 0)


class DiffersInTraining(Scale):
    def change(self, video: Tensor) -> Tensor:
        return video * 2 if torch.compiler.is_dynamo_compiling() and self.training else video


class DiffersInAnotherBatch(Scale):
    def change(self, video: Tensor) -> Tensor:
        other = torch.compiler.is_dynamo_compiling() and video.shape[0] > 2
        return video * 2 if other else video


class Baked(Scale):
    def change(self, video: Tensor) -> Tensor:
        return video.reshape(int(video.shape[0]), video.shape[1:].numel()).reshape(video.shape)


class Guesses(Scale):
    def change(self, video: Tensor) -> Tensor:
        return video.reshape(video.shape[0], -1).reshape(video.shape)


class NeedsSamples(Scale):
    def change(self, video: Tensor) -> Tensor:
        if not torch.compiler.is_compiling() and not len(video):
            raise ValueError("no samples")
        return video


class Invents(Scale):
    def change(self, video: Tensor) -> Tensor:
        some = torch.compiler.is_compiling() or len(video)
        return video if some else video.new_zeros(1, *video.shape[1:])


class StraightThrough(Scale):
    def change(self, video: Tensor) -> Tensor:
        return video.round() + video - video.detach()


class _Trembling(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, video: Tensor) -> Tensor:
        return video.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * (1 + 1e-9 * torch.rand_like(gradient))


class Trembles(Scale):
    """Gradients are right but for the last digits, and not the same twice."""

    def change(self, video: Tensor) -> Tensor:
        return video if torch.compiler.is_compiling() else _Trembling.apply(video)


class TakesAll(Scale):
    def forward(self, video: Tensor) -> Tensor:
        return video * self.weight.sum()


class RefusesRudely(Scale):
    def forward(self, video: Tensor) -> Tensor:
        if video.ndim != 5:
            raise RuntimeError("wrong")
        return super().forward(video)


class RefusesVaguely(Scale):
    def forward(self, video: Tensor) -> Tensor:
        if video.ndim != 5:
            raise ValueError("wrong number of axes")
        return super().forward(video)


class TakesBytes(Scale):
    def forward(self, video: Tensor) -> Tensor:
        check_layout(video, "N C T H W", name="video", kind="any", C=3)
        return video * self.weight[:, None, None, None]


class RefusesBytesVaguely(TakesBytes):
    def forward(self, video: Tensor) -> Tensor:
        if not video.is_floating_point():
            raise TypeError("wrong type")
        return super().forward(video)


BROKEN: list[tuple[Callable[[], nn.Module], str, str]] = [
    (OtherShape, "output_shape", "output_shape promises (2, 3, 1, 1, 1), got (2, 3, 4, 3, 5) from"),
    (NoShape, "output_shape", "NoShape must have a method output_shape, got none"),
    (Tries, "output_shape", "output_shape must answer without running, got a call of a module"),
    (TriesAPart, "output_shape", "output_shape must answer without running, got a call of a mod"),
    (
        Half,
        "dtype",
        "output[1] must be torch.float64 as the module and its inputs are, got torch.f",
    ),
    (OnTheCpu, "dtype", "output[1] must be on the device of the inputs, got cpu for meta"),
    (Writes, "input_untouched", "input 'video' must keep its values, got others after the call"),
    (Demands, "input_untouched", "input 'video' must not start to require a gradient, got one tha"),
    (Unused, "gradients", "parameter 'spare' must receive a gradient in evaluation mode, got none"),
    (Drawn, "deterministic", "output of a second call must be that of the first, got another"),
    (Centered, "batch_independent", "samples one by one must give the same output, got a differen"),
    (Ranked, "batch_independent", "samples one by one must give the same output, got a difference"),
    (Guesses, "empty_batch", "must run, got RuntimeError: cannot reshape"),
    (NeedsSamples, "empty_batch", "with its shape in the message, got no samples"),
    (Invents, "empty_batch", "output of an empty batch must be empty, got (1, 3, 4, 3, 5)"),
    (Lambda, "pickle", "must run, got "),
    (lambda: Forgets(2.0), "pickle", "what comes out of a pickle must give the same output, got a"),
    (Shares, "deepcopy", "'weight' of a deep copy must be its own, got one shared with the orig"),
    (NoCopy, "deepcopy", "must run, got TypeError: cannot be copied"),
    (Hidden, "state_dict", "a module that loaded the state dict must give the same output, got a"),
    (Unsaved, "state_dict", "a module that loaded the state dict must give the same output, got"),
    (Unkept, "state_dict", "a module that loaded the state dict must give the same output, got "),
    (Overflows, "bf16", "output under autocast must be finite, got 360 of 360 that are not"),
    (Views, "channels_last", "must run, got RuntimeError: view size is not compatible"),
    (Breaks, "compile", "must run, got Unsupported: Call to `torch._dynamo.graph_break()`"),
    (Differs, "compile", "the compiled module in evaluation mode must give the same output, got"),
    (DiffersBackward, "compile", "mode must give the same input 'video', got a difference of"),
    (DiffersInTraining, "compile", "the compiled module in training mode must give the same outp"),
    (DiffersInAnotherBatch, "compile", "with a batch of 5 must give the same output, got a differ"),
    (Baked, "export", "must run, got "),
    (StraightThrough, "gradcheck", "a slope by input 'video' must be "),
    (Trembles, "gradcheck", "torch.autograd.gradcheck must pass, got: Backward is not reentrant"),
    (TakesAll, "refusal", "must be refused as (2, 3, 4, 3) with a ValueError, got an output"),
    (RefusesRudely, "refusal", "as (2, 3, 4, 3) with a ValueError, got RuntimeError"),
    (RefusesVaguely, "refusal", "with that shape in the message, got wrong number of axes"),
    (TakesBytes, "refusal", "must be refused as torch.uint8 with a TypeError, got an output"),
    (RefusesBytesVaguely, "refusal", "with that type in the message, got wrong type"),
]
