"""Lines that solve a small linear system in a kernel, without a branch."""

from __future__ import annotations

Places = dict[tuple[int, int], str]


def elimination(matrix: Places, d: int) -> tuple[list[str], Places]:
    """Lines that factor a matrix whose nonzero entries are given as code, and the names of the parts.

    Without pivoting. A pivot that is not positive becomes nan: in I - (h/2) J it is a direction that grows
    faster than the step resolves, where a solution would be a number of no meaning.
    """
    lines = [f"m{i}_{j} = {text}" for (i, j), text in matrix.items()]
    names = {ij: f"m{ij[0]}_{ij[1]}" for ij in matrix}
    for k in range(d):
        lines.append(f"n{k} = where(m{k}_{k} > 0.0, 1.0 / m{k}_{k}, math.nan)")
        for i in range(k + 1, d):
            if (i, k) not in names:
                continue
            lines.append(f"m{i}_{k} *= n{k}")
            for j in range(k + 1, d):
                if (k, j) in names:
                    old = f"m{i}_{j}" if (i, j) in names else "0.0"
                    lines.append(f"m{i}_{j} = {old} - m{i}_{k} * m{k}_{j}")
                    names[i, j] = f"m{i}_{j}"
    return lines, names


def solution(right: str, unknown: str, places: Places, d: int) -> list[str]:
    """Lines that solve for ``{unknown}0, ...`` with the right side ``{right}0, ...``."""
    lines = []
    for i in range(d):
        below = [f"m{i}_{j} * {unknown}{j}" for j in range(i) if (i, j) in places]
        lines.append(f"{unknown}{i} = {' - '.join([f'{right}{i}', *below])}")
    for i in reversed(range(d)):
        above = [f"m{i}_{j} * {unknown}{j}" for j in range(i + 1, d) if (i, j) in places]
        lines.append(f"{unknown}{i} = ({' - '.join([f'{unknown}{i}', *above])}) * n{i}")
    return lines
