"""Synthetic tables: features, and latent targets that hang on them.

Every family draws a whole batch of tables at once. What is an array in one table (weights,
thresholds, noise levels) differs from table to table; what is a size (layers, trees, levels)
is shared by the batch, so :func:`sample_tables` puts a batch together of several groups.

Axis letters: b tables, n rows, f features, c latents, h nodes of a hidden layer.

References
----------
X. Zhang et al., "Mitra: Mixed Synthetic Priors for Enhancing Tabular Foundation Models",
NeurIPS 2025: the mixture of causal and tree-based priors that this one starts from.
"""

import math

import torch
from torch.nn.functional import leaky_relu

from .columns import (
    choose_columns,
    importance,
    mix_columns,
    standardise,
    take_rows,
    weights,
)
from .draws import (
    chance,
    choice,
    integer,
    integers,
    is_chosen,
    log_uniform,
    normal,
    uniform,
)

_N_GROUPS = 4
_LARGEST = 1e4  # of any value, so that products stay finite

_ACTIVATIONS = (
    torch.tanh,
    torch.relu,
    torch.abs,
    lambda z: z,
    lambda z: leaky_relu(z, 0.1),
    lambda z: (2 * z).sin(),
    lambda z: z.square().clamp(max=9),
    lambda z: (z > 0).float(),
    lambda z: (-z.square()).exp(),
)


def sample_tables(n_tables, n_rows, n_features, n_latents, generator, family=None):
    """Draw tables.

    Parameters
    ----------
    n_tables, n_rows, n_features, n_latents : int
    generator : torch.Generator
        The tables are made on its device.
    family : str, default=None
        A key of :data:`FAMILIES`; None draws one from :data:`WEIGHTS` for each group of tables.

    Returns
    -------
    features : Tensor of shape (n_tables, n_rows, n_features), float32
        Finite.
    latents : Tensor of shape (n_tables, n_rows, n_latents), float32
        Finite; with mean 0 and deviation 1, or constant 0.
    """
    n_groups = min(_N_GROUPS, n_tables)
    sizes = [(n_tables + i) // n_groups for i in range(n_groups)]
    groups = [
        FAMILIES[family or choice(generator, WEIGHTS)](
            size, n_rows, n_features, n_latents, generator
        )
        for size in sizes
    ]
    x, y = (torch.cat(parts).nan_to_num(0, _LARGEST, -_LARGEST) for parts in zip(*groups))
    return x.clamp(-_LARGEST, _LARGEST), standardise(y.clamp(-_LARGEST, _LARGEST))


# ---- structural causal models --------------------------------------------------------------------


def causal(n_tables, n_rows, n_features, n_latents, generator):
    """A random MLP: the causes are its inputs, the effects all other nodes.

    Either the features are the causes and the latents are nodes of the last layer, or both are
    nodes from anywhere. Latents are features, too, only where there are too few nodes.
    """
    b, n, g = n_tables, n_rows, generator
    is_direct = chance(g, 0.6)
    z = root_causes(b, n, n_features if is_direct else integer(g, 2, 12), g)
    layers = [z]
    density = log_uniform(g, b, 1, 1, low=0.08, high=1)
    noise = log_uniform(g, b, 1, 1, low=0.0015, high=0.22)
    n_nodes = integer(g, 6, 32)
    weighs_causes = chance(g, 0.6)
    for i in range(integer(g, 1, 3 if is_direct else 5)):
        weight = normal(g, b, z.shape[2], n_nodes)
        weight = weight * is_chosen(g, density.clamp(min=1.5 / z.shape[2]), *weight.shape)
        if i == 0 and weighs_causes:
            weight = weight * importance(b, z.shape[2], g).unsqueeze(2)
        weight = weight / weight.square().sum(dim=1, keepdim=True).sqrt().clamp(min=1e-3)
        z = z @ weight + 0.4 * normal(g, b, 1, n_nodes)
        z = activate(z * (0.2 + 0.5 * normal(g, b, 1, n_nodes)).exp(), g)
        z = z + noise * normal(g, *z.shape)
        layers.append(z)
    if is_direct:
        return layers[0], choose_columns(z, n_latents, uniform(g, b, n_nodes), g)
    nodes = torch.cat(layers, dim=2)
    order = uniform(g, b, nodes.shape[2])
    if chance(g, 0.6):  # the latents are last effects
        order[:, :-n_nodes] += 1
    latents = choose_columns(nodes, n_latents, order, g)
    # The nodes that are latents come last in the order of features.
    is_latent = order.argsort(dim=1).argsort(dim=1) < n_latents
    order = uniform(g, *order.shape) + is_latent
    return choose_columns(nodes, n_features, order, g), latents


def root_causes(n_tables, n_rows, n_columns, generator):
    """(b, n, f) independent columns: normal, uniform or heavy-tailed; some tables in clusters."""
    b, n, f, g = n_tables, n_rows, n_columns, generator
    z = normal(g, b, n, f)
    flat = uniform(g, b, n, f, low=-1.73, high=1.73)
    heavy = z * (0.7 * normal(g, b, n, f)).exp()
    kind = uniform(g, b, 1, f)
    z = torch.where(kind < 0.5, z, torch.where(kind < 0.8, flat, heavy))
    n_clusters = integer(g, 2, 8)
    centres = 1.5 * normal(g, b, n_clusters, f) * is_chosen(g, 0.35, b, 1, 1)
    return z + take_rows(centres, integers(g, 0, n_clusters, b, n))


def activate(z, generator):
    """(b, n, h) through one activation for each table or, in half of them, for each node."""
    b, _, h = z.shape
    kind = integers(generator, 0, len(_ACTIVATIONS), b, 1, h)
    kind = torch.where(is_chosen(generator, 0.5, b, 1, 1), kind, kind[:, :, :1])
    activated = z
    for i, function in enumerate(_ACTIVATIONS):
        activated = torch.where(kind == i, function(z), activated)
    return activated


def base_features(n_tables, n_rows, n_features, generator):
    """(b, n, f) features for the families that only add a function of them."""
    b, n, f, g = n_tables, n_rows, n_features, generator
    kind = choice(g, {"causal": 0.35, "correlated": 0.35, "independent": 0.3})
    if kind == "causal":
        x, _ = causal(b, n, f, 1, g)
        return x
    x = root_causes(b, n, f, g)
    return mix_columns(x, uniform(g, b, 1, 1, high=1.2), g) if kind == "correlated" else x


# ---- tree ensembles ------------------------------------------------------------------------------


def trees(n_tables, n_rows, n_features, n_latents, generator):
    """A tree, a forest of deep trees, or boosted shallow ones whose influence decays."""
    b, n, f, c, g = n_tables, n_rows, n_features, n_latents, generator
    x = base_features(b, n, f, g)
    kind = choice(g, {"tree": 0.4, "forest": 0.25, "boosting": 0.35})
    depth = integer(g, *{"tree": (1, 6), "forest": (3, 6), "boosting": (1, 3)}[kind])
    n_trees = 1 if kind == "tree" else 2 ** integer(g, 1, 5)
    n_nodes, n_leaves = 2**depth - 1, 2**depth
    # A node compares a feature with its value in some row.
    feature = torch.multinomial(
        importance(b, f, g), n_trees * n_nodes, replacement=True, generator=g
    )
    row = integers(g, 0, n, b, n_trees * n_nodes)
    threshold = x[torch.arange(b, device=x.device).unsqueeze(1), row, feature]
    threshold = threshold + 0.05 * normal(g, *threshold.shape) * is_chosen(g, 0.5, b, 1)

    tree = torch.arange(n_trees, device=x.device)
    node = torch.zeros(b, n, n_trees, dtype=torch.int64, device=x.device)
    for _ in range(depth):  # node i has the children 2 i + 1 and 2 i + 2
        at = (tree * n_nodes + node).flatten(1)  # (b, n * n_trees)
        value = x.gather(2, feature.gather(1, at).view_as(node))
        node = 2 * node + 1 + (value > threshold.gather(1, at).view_as(node)).long()
    leaf = (tree * n_leaves + node - n_nodes).flatten(1)
    values = normal(g, b, n_trees * n_leaves, c)
    if kind == "boosting":
        decay = (-uniform(g, b, 1, high=0.3) * tree).exp()  # (b, n_trees)
        values = values * decay.repeat_interleave(n_leaves, dim=1).unsqueeze(2)
    return x, take_rows(values, leaf).unflatten(1, (n, n_trees)).sum(dim=2)


# ---- smooth functions ----------------------------------------------------------------------------


def linear(n_tables, n_rows, n_features, n_latents, generator):
    """Weighted sums of columns; in some tables of their squares, too."""
    b, f, c, g = n_tables, n_features, n_latents, generator
    x = base_features(b, n_rows, f, g)
    z = standardise(x).clamp(-4, 4)
    y = z @ weights(b, f, c, g)
    curvature = uniform(g, b, 1, 1) * is_chosen(g, 0.3, b, 1, 1)
    return x, y + curvature * (z.square() @ weights(b, f, c, g))


def fourier(n_tables, n_rows, n_features, n_latents, generator):
    """Draws from a Gaussian process, by random Fourier features."""
    b, f, c, g = n_tables, n_features, n_latents, generator
    x = base_features(b, n_rows, f, g)
    n_waves = 128
    frequency = log_uniform(g, b, 1, 1, low=0.15, high=1.6) * weights(b, f, n_waves, g)
    phase = uniform(g, b, 1, n_waves, high=2 * math.pi)
    waves = (standardise(x).clamp(-4, 4) @ frequency + phase).cos()
    return x, waves @ normal(g, b, n_waves, c) / math.sqrt(n_waves)


def additive(n_tables, n_rows, n_features, n_latents, generator):
    """Sums of a function of each column and, less, of products of two such functions."""
    b, f, c, g = n_tables, n_features, n_latents, generator
    x = base_features(b, n_rows, f, g)
    z = activate(1.5 * standardise(x).clamp(-4, 4), g)
    y = z @ weights(b, f, c, g)
    if f > 1:
        y = y + uniform(g, b, 1, 1, high=2) * ((z * z.roll(1, 2)) @ weights(b, f, c, g))
    return x, y


def trends(n_tables, n_rows, n_features, n_latents, generator):
    """A steep monotone curve of one column, and a little of a linear function of all."""
    b, f, c, g = n_tables, n_features, n_latents, generator
    x = base_features(b, n_rows, f, g)
    z = standardise(x).clamp(-4, 4)
    leader = z.gather(2, integers(g, 0, f, b, 1, 1).expand(-1, n_rows, -1))
    n_steps = integer(g, 1, 6)
    slope = log_uniform(g, b, 1, n_steps, low=0.5, high=10)
    steps = (slope * (leader - normal(g, b, 1, n_steps))).sigmoid()
    curve = steps @ normal(g, b, n_steps, c).abs()
    curve = curve + uniform(g, b, 1, c) * leader
    side = uniform(g, b, 1, 1, high=0.3) * (z @ weights(b, f, c, g))
    return x, standardise(curve) * normal(g, b, 1, c) + side


# ---- clusters, categories, differences -----------------------------------------------------------


def prototypes(n_tables, n_rows, n_features, n_latents, generator):
    """Rows scattered round prototypes, which the latents belong to.

    Prototypes may be as many as the classes and more, and tell in many columns at once.
    """
    b, n, f, c, g = n_tables, n_rows, n_features, n_latents, generator
    m = integer(g, 2, 24)
    is_informative = is_chosen(g, uniform(g, b, 1, 1, low=0.35, high=1.15), b, 1, f)
    centres = normal(g, b, m, f) * is_informative * log_uniform(g, b, 1, 1, low=0.8, high=5)
    scales = (0.4 * normal(g, b, m, f)).exp()
    frequency = (0.6 * normal(g, b, m)).exp()
    prototype = torch.multinomial(frequency, n, replacement=True, generator=g)
    scatter = mix_columns(normal(g, b, n, f), uniform(g, b, 1, 1, low=-1).clamp(min=0), g)
    x = take_rows(centres, prototype) + take_rows(scales, prototype) * scatter
    y = take_rows(3 * normal(g, b, m, c), prototype)
    tilt = uniform(g, b, 1, 1, low=-1).clamp(min=0)
    return x, y + tilt * (standardise(x).clamp(-4, 4) @ weights(b, f, c, g))


def interactions(n_tables, n_rows, n_features, n_latents, generator):
    """Categorical columns, a few of which tell something only together.

    Every combination of their levels has latents of its own. The other columns are numbers or
    categories, with a small influence each.
    """
    b, n, f, c, g = n_tables, n_rows, n_features, n_latents, generator
    k = min(f, integer(g, 2, 3))
    largest = max(2, int((n / 8) ** (1 / k)))  # about 8 rows for every combination
    n_levels = integer(g, 2, min(largest, 8))
    skew = (0.4 * normal(g, b, 1, f)).exp()
    levels = (n_levels * uniform(g, b, n, f).pow(skew)).long().clamp(max=n_levels - 1)
    combination = sum(levels[:, :, i] * n_levels**i for i in range(k))
    y = take_rows(normal(g, b, n_levels**k, c), combination)
    is_number = is_chosen(g, 0.5, b, 1, f)
    is_number[:, :, :k] = False
    x = torch.where(is_number, root_causes(b, n, f, g), levels.float())
    y = y + uniform(g, b, 1, 1, high=0.5) * (standardise(x).clamp(-4, 4) @ weights(b, f, c, g))
    return choose_columns(x, f, uniform(g, b, f), g), y


def differences(n_tables, n_rows, n_features, n_latents, generator):
    """Columns that are almost the same; the latents hang on where they differ."""
    b, n, f, c, g = n_tables, n_rows, n_features, n_latents, generator
    if f == 1:
        return trends(b, n, f, c, g)
    # The embedding sees ranks only: what is smaller is lost in it.
    size = log_uniform(g, b, 1, 1, low=0.1, high=0.6)
    own = normal(g, b, n, f)
    x = root_causes(b, n, 1, g) + size * own
    first, second = (own[:, :, columns] for columns in (slice(0, 1), slice(1, 2)))
    gap = (first - second) * log_uniform(g, b, 1, 1, low=0.3, high=3)
    y = activate(gap.expand(-1, -1, c) + 0.5 * normal(g, b, 1, c), g) + 0.3 * gap
    y = y * normal(g, b, 1, c) + uniform(g, b, 1, 1, high=0.5) * (own @ weights(b, f, c, g))
    return choose_columns(x, f, uniform(g, b, f), g), y


FAMILIES = {
    "causal": causal,
    "trees": trees,
    "linear": linear,
    "fourier": fourier,
    "additive": additive,
    "trends": trends,
    "prototypes": prototypes,
    "interactions": interactions,
    "differences": differences,
}

#: The mixture. Causal models and trees are most of it, as in Mitra's paper.
WEIGHTS = {
    "causal": 0.36,
    "trees": 0.28,
    "linear": 0.06,
    "fourier": 0.06,
    "additive": 0.04,
    "trends": 0.03,
    "prototypes": 0.09,
    "interactions": 0.05,
    "differences": 0.03,
}
