"""The variational auto-encoder, plain or beta, as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from mixtura.errors import InputError
from mixtura.estimators.all_or_nothing import all_or_nothing
from mixtura.estimators.autoencoder import Autoencoder
from mixtura.estimators.checks import at_least_one, plain_settings, seed_of
from mixtura.free_energy import FreeEnergy, weighted_mean

if TYPE_CHECKING:
    from mixtura.vae import Settings
    from mixtura.vae.latent_information import LatentInformation
    from mixtura.vae.training.stages import Stage

_INFORMATION_ROWS = 10_000  # that the fit itself looks at


class VAE(Autoencoder):
    r"""Codes, a density and a generator from unlabelled data: a Gaussian latent without groups.

    The model is :math:`w \sim N(0, I)` and :math:`x | w \sim p_\theta(x|w)`, with
    :math:`q_\psi(w|x) = N(m(x), \mathrm{diag}\, s^2(x))`. Training maximises

    .. math::
        E_q[\log p_\theta(x|w)] - \beta\, KL(q_\psi(w|x) \| p(w))

    in nats per observation, all constants and the log-determinant of the scaling of the data included. With
    ``beta=1`` it is the evidence lower bound; `bound_` and every score are of that, whatever beta is.

    Parameters
    ----------
    latent_dim : int, optional
        d, the dimension of w; by default 10, or the number of features where that is less.
    beta : float, default=1.0
        Weight of the KL. Above 1 the codes hold less of a row, in dimensions that are less dependent.
    likelihood : {"gaussian", "bernoulli", "poisson", "negative_binomial", "categorical", "mixed"}
        p(x|w): Gaussian with learned mean and variance (the default), Bernoulli for data in {0, 1}, one of
        counts, of which the negative binomial has a learned dispersion for each column, or categorical;
        "mixed" is a product of these over the columns of a table, which may hold text.
    families : str, sequence or mapping, optional
        Of the columns with ``likelihood="mixed"``: as those of `MixedMixture`, inferred where they are left
        out, and "negative_binomial".
    objective : {"elbo", "iwae"}, default="elbo"
        The bound of one draw of w, or the importance-weighted bound of ``n_draws``, with doubly
        reparameterised gradients.
    inference : {"reverse", "sleep", "wake"}, default="reverse"
        How q is fitted: by the objective, that is by KL(q || p), or by KL(p || q), at rows that the model
        dreams (sleep) or, with importance weights of ``n_draws``, at those of the data (wake). Theta climbs
        the bound, awake the importance-weighted one.
    n_draws : int, optional
        Of w for each row in a step; by default 8 where draws are weighed, else 1.
    max_epochs : int, optional
        Passes over the data; by default 33 for 60,000 rows, 60 for a few thousand, more for fewer.
    batch_size : int, optional
        Rows of a step; by default 64 to 256.
    network : {"auto", "mlp", "conv"}, default="auto"
        Kind of network; "auto" takes convolutions for images that are large or in colour.
    hidden : sequence of int, optional
        Sizes of the encoder's hidden layers, mirrored in the decoder.
    image_shape : tuple of int, optional
        (height, width) or (height, width, channels) where rows are flattened images; arrays with 3 or 4
        dimensions are taken for images without it.
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
    bound_ : FreeEnergy
        The bound and its two terms, reconstruction and kl, on the training data, in nats per observation.
    information_ : LatentInformation
        KL of each latent dimension, mutual information and total correlation of the codes, on the first
        10,000 rows.
    history_ : list of dict
        The log of training, in the terms of `GMVAE`: its ``cluster`` is 0 and ``conditional_prior`` the KL.
    findings_ : tuple of Finding
        What a person should know about the fit, with remedies.
    model_ : mixtura.vae.GaussianMixtureVAE
        The trained model, of one component, in float64.
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
    Kingma and Welling (2014), arXiv:1312.6114; Higgins and others (2017), ICLR, "beta-VAE".

    Examples
    --------
    >>> import numpy as np
    >>> line = np.random.default_rng(0).normal(size=(60, 1))
    >>> X = line @ np.array([[1.0, -1.0, 2.0]])
    >>> model = VAE(latent_dim=2, max_epochs=20, random_state=0).fit(X)
    >>> sorted(model.bound_.as_dict()), model.transform(X).shape
    (['bound', 'kl', 'reconstruction'], (60, 2))
    """

    def __init__(
        self,
        latent_dim: int | None = None,
        *,
        beta: float = 1.0,
        likelihood: Literal[
            "gaussian", "bernoulli", "poisson", "negative_binomial", "categorical", "mixed"
        ] = "gaussian",
        families: str | Sequence[str] | Mapping[Any, str] | None = None,
        objective: Literal["elbo", "iwae"] = "elbo",
        inference: Literal["reverse", "sleep", "wake"] = "reverse",
        n_draws: int | None = None,
        max_epochs: int | None = None,
        batch_size: int | None = None,
        network: Literal["auto", "mlp", "conv"] = "auto",
        hidden: tuple[int, ...] | None = None,
        image_shape: tuple[int, ...] | None = None,
        std_floor: float = 0.05,
        learning_rate: float | None = None,
        binarise: float | None = None,
        n_importance_samples: int = 64,
        device: str = "auto",
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        callback: Callable[[dict[str, Any]], None] | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.latent_dim = latent_dim
        self.beta = beta
        self.likelihood = likelihood
        self.families = families
        self.objective = objective
        self.inference = inference
        self.n_draws = n_draws
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.network = network
        self.hidden = hidden
        self.image_shape = image_shape
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
        VAE
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
        from mixtura.vae.training.pace import default_batch_size
        from mixtura.vae.training.vae_stages import vae_epochs
        from mixtura.vae.vae_diagnostics import diagnose_codes

        settings = self._settings()
        self._stages(settings)  # refuses what contradicts itself before the data are read
        rows, image_shape = self._rows_to_fit(X)
        if settings.max_epochs is None:
            batch_size = min(len(rows), settings.batch_size or default_batch_size(len(rows)))
            settings = replace(settings, max_epochs=vae_epochs(len(rows), batch_size))
        trained = self._train(rows, image_shape, settings, self._stages)
        # Draws that differ between rows average out, so a large set needs one each and a small one many.
        self.bound_ = self._free_energy(rows, max(1, 2048 // len(rows)))
        self.information_ = self._information(rows[:_INFORMATION_ROWS])
        told = diagnose_codes(self.information_, trained.record.rollbacks, float(self.beta), settings)
        self._report((*self.encoding_.findings, *told))

    def free_energy(self, X: ArrayLike, n_samples: int = 16) -> FreeEnergy:
        """Return the bound of the rows and its two terms, means in nats per observation.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.
        n_samples : int
            Draws of w for each row behind the reconstruction; the KL is exact.
        """
        return self._free_energy(self._rows(X), at_least_one("n_samples", n_samples))

    def latent_information(self, X: ArrayLike, n_draws: int = 2048) -> LatentInformation:
        """Return the KL of each latent dimension, and the mean KL taken apart, of these rows.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows; the aggregated posterior is of all of them.
        n_draws : int
            Of the aggregated posterior, each of which meets every row.
        """
        return self._information(self._rows(X), at_least_one("n_draws", n_draws))

    def sample(
        self, n_samples: int = 1, *, random_state: int | np.random.RandomState | None = None
    ) -> NDArray[np.float64]:
        """Draw new rows from the model: w ~ N(0, I), x ~ p(x|w).

        Parameters
        ----------
        n_samples : int
            How many.
        random_state : int, RandomState or None
            Seed of the draws; the fit's own seed unless given.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Rows in raw units.
        """
        import torch

        from mixtura.vae.inference import sample

        check_is_fitted(self)
        n_samples = at_least_one("n_samples", n_samples)
        seed = self.seed_ if random_state is None else seed_of(random_state)
        drawn = sample(
            self.model_, torch.zeros(n_samples, dtype=torch.int64), torch.Generator().manual_seed(seed)
        )
        return self._raw(drawn.numpy())

    def _settings(self) -> Settings:
        from mixtura.vae import Settings

        self._check_parameters()
        if isinstance(self.beta, bool) or not isinstance(self.beta, Real) or not 0 < self.beta < 1e6:
            raise InputError(f"beta must be a number above 0 and below 1e6, not {self.beta!r}")
        if self.objective not in ("elbo", "iwae"):
            raise InputError(f"objective must be one of 'elbo', 'iwae', not {self.objective!r}")
        if self.n_draws is not None:
            at_least_one("n_draws", self.n_draws)
        values = {
            name: getattr(self, name)
            for name in Settings.names()
            if hasattr(self, name) and name != "inference"
        }
        if self.inference not in ("reverse", "sleep", "wake"):
            raise InputError(f"inference must be one of 'reverse', 'sleep', 'wake', not {self.inference!r}")
        return Settings(n_components=1, responsibilities="exact", transforms=None, **plain_settings(values))

    def _stages(self, settings: Settings) -> Sequence[Stage]:
        from mixtura.vae.training.stages import draws
        from mixtura.vae.training.vae_stages import vae_plan

        few = 8 if self.objective == "iwae" else draws(self.inference)
        return vae_plan(
            beta=float(self.beta),
            objective=self.objective,
            inference=self.inference,
            n_draws=few if self.n_draws is None else int(self.n_draws),
            std_floor=(settings.std_floor, settings.std_floor),
        )

    def _free_energy(self, rows: NDArray[Any], n_samples: int) -> FreeEnergy:
        import torch

        from mixtura.vae.inference import estimate_bound
        from mixtura.vae.latent_information import kl_to_standard_normal

        generator = torch.Generator().manual_seed(self.seed_)
        parts = []
        for x in self._encoded(rows):
            found = estimate_bound(self.model_, x, n_samples, generator).free_energy
            kl = float(kl_to_standard_normal(*self._posterior(x)).sum(1).mean())
            share = len(x) / len(rows)
            parts.append((share, FreeEnergy({"reconstruction": found.gains["reconstruction"]}, {"kl": kl})))
        return weighted_mean(parts)

    def _information(self, rows: NDArray[Any], n_draws: int = 2048) -> LatentInformation:
        import torch

        from mixtura.vae.latent_information import latent_information

        parts = [self._posterior(x) for x in self._encoded(rows)]
        loc, scale = (torch.cat([part[i] for part in parts]) for i in (0, 1))
        return latent_information(loc, scale, torch.Generator().manual_seed(self.seed_), n_draws)

    def _posterior(self, x: Any) -> tuple[Any, Any]:
        """Return the means and standard deviations of q(w|x) of encoded rows."""
        q = self.model_.posterior(x).base_dist
        return q.loc, q.scale
