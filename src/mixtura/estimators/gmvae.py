"""The Gaussian-mixture variational auto-encoder as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClusterMixin
from sklearn.utils.validation import check_is_fitted

from mixtura.data.counts import stabilised
from mixtura.data.mixed_encoding import MixedEncoding
from mixtura.errors import InputError
from mixtura.estimators.all_or_nothing import all_or_nothing
from mixtura.estimators.autoencoder import Autoencoder
from mixtura.estimators.checks import at_least_one, plain_settings, seed_of
from mixtura.estimators.gathered import gathered
from mixtura.free_energy import FreeEnergy, weighted_mean

if TYPE_CHECKING:
    from mixtura.vae import Settings

_N_DRAWS = 16  # of w behind the responsibilities


class GMVAE(ClusterMixin, Autoencoder):
    r"""Groups, a density, a generator and codes from one model of unlabelled data.

    The model is :math:`z \sim \mathrm{Categorical}(\pi)` with uniform pi (or a learned one),
    :math:`w | z=k \sim N(\mu_k, \sigma_k^2 I)` and :math:`x | w \sim p_\theta(x|w)`, with the posterior
    :math:`q(w, z | x) = q_\psi(w|x) q_\phi(z|w, x)`. Training maximises

    .. math::
        \mathrm{bound} = \underbrace{E_q[\log p_\theta(x|w)]}_{\text{reconstruction}}
        - \underbrace{E_q[KL(q(z|w,x) \| p(z))]}_{\text{cluster}}
        - \underbrace{E_q[\log q(w|x) - \log p(w|z)]}_{\text{conditional prior}} \le \log p(x)

    in nats per observation, all constants and the log-determinant of the scaling of the data included. The
    default procedure adds stages that find groups, on a neighbour graph of the codes or among the rows, and
    teach them to q(z|w, x); ``procedure="plain"`` is the pure bound and nothing else.

    Parameters
    ----------
    n_components : int, default=8
        K, the number of groups.
    latent_dim : int, optional
        Dimension of w; by default 10, or the number of features where that is less.
    likelihood : {"gaussian", "bernoulli", "poisson", "negative_binomial", "categorical", "mixed"}
        p(x|w): Gaussian with learned mean and variance (the default), Bernoulli for data in {0, 1}, one of
        counts, of which the negative binomial has a learned dispersion for each column, or categorical;
        "mixed" is a product of these over the columns of a table, which may hold text.
    families : str, sequence or mapping, optional
        Of the columns with ``likelihood="mixed"``: as those of `MixedMixture`, inferred where they are left
        out, and "negative_binomial".
    responsibilities : {"exact", "amortised"}, default="amortised"
        q(z|w, x): a trained network, or the optimum of the bound, p(z|w). The default procedure teaches the
        network the groups and lets all else climb the pure bound; with "exact" a regulariser holds p(z|w) to
        the groups.
    inference : {"reverse", "sleep", "wake"}, default="reverse"
        How q is fitted: by the bound, which is the reverse KL(q || p); or by the forward KL(p || q), at rows
        that the model dreams (sleep) or, with importance weights, at those of the data (wake), while all
        else climbs the bound with q as a constant, awake the importance-weighted one. In the default
        procedure from when the groups are found.
    procedure : {"default", "plain"}, default="default"
        The staged training that works from scratch, or the pure bound alone.
    covariance_type : {"spherical", "diag"}, default="spherical"
        sigma_k: one number a component, or one for each latent dimension.
    weights : {"uniform", "learned"}, default="uniform"
        pi: 1/K, or trained with the rest, for groups of very different sizes.
    max_epochs : int, optional
        Passes over the data in all; by default 33 for 60,000 rows, more for fewer, at most 330 (28 to 180
        for tables of up to 64 columns). Lessons of the default procedure take at most 6 each.
    batch_size : int, optional
        Rows of a step; by default 64 to 256.
    network : {"auto", "mlp", "conv"}, default="auto"
        Kind of network; "auto" takes convolutions for images that are large or in colour.
    hidden : sequence of int, optional
        Sizes of the encoder's hidden layers, mirrored in the decoder.
    image_shape : tuple of int, optional
        (height, width) or (height, width, channels) where rows are flattened images; arrays with 3 or 4
        dimensions are taken for images without it.
    transforms : {"auto", "affine", None}, default="auto"
        Small affine maps that the encoder sees while groups are found; "auto" uses them on grey images.
    start : {"auto", "graph", "linkage", "kmeans", "diag", "full"}, default="auto"
        Where the first groups come from: the modularity of a neighbour graph, average linkage on it, k-means,
        or EM with diagonal or full covariances. "auto" chooses among them without labels on tables of up to
        64 columns; elsewhere it takes the graph, unless only k-means finds groups that are better than none.
    std_floor : float, default=0.05
        Least standard deviation of the Gaussian likelihood, in encoded units: pixels on [0, 1], columns
        with standard deviation 1; three quarters of a grey level where that is more. Compare densities at
        equal floors only.
    learning_rate : float, optional
        Peak rate of Adam; by default 1.5e-3, more for short runs.
    binarise : float, optional
        With the Bernoulli likelihood: values above this become 1, the others 0.
    n_importance_samples : int, default=64
        Draws of w for each row behind `score_samples`.
    device : str, default="auto"
        "auto", "cpu", "cuda" or "cuda:N".
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of matrix products in training; scores are always in float64.
    callback : callable, optional
        Called with each line of the log, a dict, while training runs; not pickled.
    random_state : int, RandomState or None, default=None
        Seed of all randomness. The same seed, machine and thread count give the same bits.

    Attributes
    ----------
    labels_ : ndarray of shape (n,)
        Group of each row; groups are numbered by falling size.
    bound_ : FreeEnergy
        The bound and its three terms on the training data, in nats per observation.
    gap_ : float or None
        Exact minus amortised bound, E KL(q_phi || p(z|w)); None with exact responsibilities.
    means_ : ndarray of shape (K, latent_dim)
        mu_k.
    scales_ : ndarray of shape (K,) or (K, latent_dim)
        sigma_k.
    weights_ : ndarray of shape (K,)
        pi_k.
    history_ : list of dict
        The log of training.
    findings_ : tuple of Finding
        What a person should know about the fit, with remedies.
    model_ : mixtura.vae.GaussianMixtureVAE
        The trained model, in float64.
    encoding_ : mixtura.data.Encoding
        The map from raw rows to what the model sees.
    families_ : list of str or None
        The family of each column of a mixed table.
    categories_ : list of ndarray or None
        The categories of each categorical column, in order.
    latent_dim_, n_epochs_, seed_, device_, precision_, image_shape_
        What was used where the parameter left it open.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of str
        Names of features seen during fit, where there were names.

    References
    ----------
    Dilokthanakul et al. (2016), arXiv:1611.02648; Jiang et al. (2017), IJCAI, "Variational Deep Embedding".

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(60, 2)) + 8 * np.repeat(np.eye(2), 30, axis=0)
    >>> model = GMVAE(n_components=2, random_state=0).fit(X)
    >>> sorted(np.bincount(model.labels_).tolist())
    [30, 30]
    >>> model.score_samples(X).shape, model.transform(X).shape
    ((60,), (60, 2))
    """

    def __init__(
        self,
        n_components: int = 8,
        *,
        latent_dim: int | None = None,
        likelihood: Literal[
            "gaussian", "bernoulli", "poisson", "negative_binomial", "categorical", "mixed"
        ] = "gaussian",
        families: str | Sequence[str] | Mapping[Any, str] | None = None,
        responsibilities: Literal["exact", "amortised"] = "amortised",
        inference: Literal["reverse", "sleep", "wake"] = "reverse",
        procedure: Literal["default", "plain"] = "default",
        covariance_type: Literal["spherical", "diag"] = "spherical",
        weights: Literal["uniform", "learned"] = "uniform",
        max_epochs: int | None = None,
        batch_size: int | None = None,
        network: Literal["auto", "mlp", "conv"] = "auto",
        hidden: tuple[int, ...] | None = None,
        image_shape: tuple[int, ...] | None = None,
        transforms: Literal["auto", "affine"] | None = "auto",
        start: Literal["auto", "graph", "linkage", "kmeans", "diag", "full"] = "auto",
        std_floor: float = 0.05,
        learning_rate: float | None = None,
        binarise: float | None = None,
        n_importance_samples: int = 64,
        device: str = "auto",
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        callback: Callable[[dict[str, Any]], None] | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.latent_dim = latent_dim
        self.likelihood = likelihood
        self.families = families
        self.responsibilities = responsibilities
        self.inference = inference
        self.procedure = procedure
        self.covariance_type = covariance_type
        self.weights = weights
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.network = network
        self.hidden = hidden
        self.image_shape = image_shape
        self.transforms = transforms
        self.start = start
        self.std_floor = std_floor
        self.learning_rate = learning_rate
        self.binarise = binarise
        self.n_importance_samples = n_importance_samples
        self.device = device
        self.precision = precision
        self.callback = callback
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Train the model on rows without labels.

        Parameters
        ----------
        X : array-like of shape (n, n_features), or images of shape (n, height, width[, channels])
            The data.
        y : ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        GMVAE
            The fitted estimator itself.

        Raises
        ------
        InputError
            If a parameter or the data are not what they must be.
        TrainingError
            If training met values that are not finite again and again.
        """
        with all_or_nothing(self):
            self._fit(X)
        return self

    def _fit(self, X: ArrayLike) -> None:
        import torch

        from mixtura.vae.code_spread import code_spread
        from mixtura.vae.diagnostics import diagnose
        from mixtura.vae.fit import number_groups
        from mixtura.vae.group_overlap import GroupOverlap
        from mixtura.vae.inference import estimate_bound
        from mixtura.vae.row_support import row_support

        settings = self._settings()
        rows, image_shape = self._rows_to_fit(X)
        if len(rows) < settings.n_components:
            raise InputError(
                f"n_samples={len(rows)} should be >= n_components={settings.n_components}; "
                "ask for fewer groups"
            )
        trained = self._train(rows, image_shape, settings)
        overlap = GroupOverlap(settings.n_components)
        labels = gathered((overlap.add(part) for part in self._responsibilities(rows)), len(rows))
        self.labels_ = number_groups(trained.model, labels)
        self._read_model()
        # Draws that differ between rows average out, so a large set needs one each and a small one many.
        n_draws = max(1, 2048 // len(rows))
        generator = torch.Generator().manual_seed(self.seed_)
        parts = [
            (len(x) / len(rows), estimate_bound(trained.model, x, n_draws, generator))
            for x in self._encoded(rows)
        ]
        self.bound_ = weighted_mean([(share, part.free_energy) for share, part in parts])
        gap = sum(share * part.gap for share, part in parts)
        self.gap_ = gap if settings.responsibilities == "amortised" else None
        spreads = [code_spread(trained.model, x) for x in self._encoded(rows)]
        overlap = overlap.renumbered(labels)
        support = row_support(
            lambda take: self._comparable(rows[take]),
            self.labels_,
            np.random.default_rng(self.seed_),
        )
        told = diagnose(spreads, self.labels_, overlap, trained.record, support, self.gap_, settings)
        self._report((*self.encoding_.findings, *told))

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the most responsible group of each row: argmax_k q(z = k|x), shape (n,)."""
        rows = self._rows(X)
        return gathered((part.argmax(axis=1) for part in self._responsibilities(rows)), len(rows))

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the responsibilities q(z|x) = E_q(w|x)[ q(z|w, x) ], shape (n, K), rows summing to 1."""
        rows = self._rows(X)
        return gathered(self._responsibilities(rows), len(rows))

    def free_energy(self, X: ArrayLike, n_samples: int = 16) -> FreeEnergy:
        """Return the bound of the rows and its three terms, means in nats per observation.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.
        n_samples : int
            Draws of w for each row.
        """
        import torch

        from mixtura.vae.inference import estimate_bound

        rows = self._rows(X)
        n_samples = at_least_one("n_samples", n_samples)
        generator = torch.Generator().manual_seed(self.seed_)
        return weighted_mean(
            [
                (len(x) / len(rows), estimate_bound(self.model_, x, n_samples, generator).free_energy)
                for x in self._encoded(rows)
            ]
        )

    def sample(
        self,
        n_samples: int = 1,
        component: int | None = None,
        *,
        random_state: int | np.random.RandomState | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Draw new rows from the model.

        Parameters
        ----------
        n_samples : int
            How many.
        component : int, optional
            The group to draw from; all groups by their weights unless given.
        random_state : int, RandomState or None
            Seed of the draws; the fit's own seed unless given.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Rows in raw units: w ~ N(mu_k, sigma_k^2), x ~ p(x|w).
        components : ndarray of shape (n_samples,)
            The group of each row.
        """
        import torch

        from mixtura.vae.inference import sample

        check_is_fitted(self)
        n_samples = at_least_one("n_samples", n_samples)
        n_components = self.model_.n_components
        whole = component is None or hasattr(component, "__index__")
        if component is not None and not (whole and 0 <= component < n_components):
            raise InputError(f"component must be from 0 to {n_components - 1}, not {component!r}")
        generator = torch.Generator().manual_seed(
            self.seed_ if random_state is None else seed_of(random_state)
        )
        if component is None:
            weights = torch.from_numpy(self.weights_)
            components = torch.multinomial(weights, n_samples, replacement=True, generator=generator)
        else:
            components = torch.full((n_samples,), int(component))
        drawn = sample(self.model_, components, generator)
        return self._raw(drawn.numpy()), components.numpy()

    def _settings(self) -> Settings:
        from mixtura.vae import Settings

        self._check_parameters()
        values = {name: getattr(self, name) for name in Settings.names()}
        return Settings(**plain_settings(values))

    def _comparable(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Return encoded rows between which distances mean something."""
        encoded = self.encoding_.encode(rows, np.float32)
        if isinstance(self.encoding_, MixedEncoding):
            return self.encoding_.layout.comparable(encoded)
        comparable: NDArray[np.float32] = stabilised(encoded) if self.encoding_.domain == "count" else encoded
        return comparable

    def _responsibilities(self, rows: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
        from mixtura.vae.fit import scoring_noise
        from mixtura.vae.inference import responsibilities

        noise = scoring_noise(self.model_, self.seed_, _N_DRAWS)
        for x in self._encoded(rows):
            yield responsibilities(self.model_, x, noise).numpy()

    def _read_model(self) -> None:
        """Set the attributes that show the prior."""
        prior = self.model_.prior
        mixture = prior()
        self.means_ = mixture.means.numpy().copy()
        scales = mixture.scales.numpy().copy()
        self.scales_ = scales[:, 0] if prior.log_scales.shape[1] == 1 else scales
        self.weights_ = mixture.log_weights.exp().numpy()
