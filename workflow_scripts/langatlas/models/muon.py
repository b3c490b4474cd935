"""Muon in fp32: momentum whose update is made orthogonal (Jordan et al. 2024, "Muon: an optimizer for hidden layers").

torch.optim.Muon takes its products in bfloat16, which a CPU without AVX512-BF16 or AMX does a hundred times slower than
in float32; here they are fp32. In the few hundred thousand tokens that a mini model can read in minutes, it reaches a
loss that AdamW needs many times as much text for.
"""

from collections.abc import Iterable

import torch

# Coefficients of the odd polynomial x -> ax + bx^3 + cx^5 that drives singular values towards 1 (ibid.).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalize(matrices_NIJ: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Newton-Schulz iteration on a stack of matrices: UV^T of each one's UΣV^T, singular values within 0.7 to 1.2."""
    a, b, c = COEFFICIENTS
    wide = matrices_NIJ.mT if matrices_NIJ.shape[1] > matrices_NIJ.shape[2] else matrices_NIJ
    x = wide / (wide.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + torch.baddbmm(gram, gram, gram, beta=b, alpha=c) @ x
    return x.mT if wide is not matrices_NIJ else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, made orthogonal; decoupled weight decay. For matrices only (2-D parameters).

    The update of an (out, in) matrix is scaled by sqrt(max(1, out / in)), so one ``lr`` fits all shapes.
    """

    def __init__(
        self, parameters: Iterable[torch.nn.Parameter], lr: float, weight_decay: float, momentum: float = 0.95
    ):
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.nn.Parameter]] = {}
            for parameter in group["params"]:
                by_shape.setdefault(parameter.shape, []).append(parameter)
            for shape, parameters in by_shape.items():
                updates = orthogonalize(torch.stack([self._momentum(p, group["momentum"]) for p in parameters]))
                scale = max(1.0, shape[0] / shape[1]) ** 0.5
                for parameter, update in zip(parameters, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * scale)

    def _momentum(self, parameter: torch.nn.Parameter, momentum: float) -> torch.Tensor:
        state = self.state[parameter]
        average = state.setdefault("momentum", torch.zeros_like(parameter)).lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(average, momentum)
