"""A policy around a fitted model, as a scikit-learn classifier. Needs scikit-learn, which RecScope itself does not."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin  # type: ignore[import-untyped]
from sklearn.utils import Tags, get_tags  # type: ignore[import-untyped]
from sklearn.utils.validation import check_is_fitted  # type: ignore[import-untyped]

from core.errors import InputError
from core.thresholds.policy import Policy


class PolicyClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Binary classifier that decides by a policy.

    A policy belongs to the fitted model that it was tuned on, so ``fit`` trains nothing. ``clone``, and with it
    cross-validation, would unfit the model: wrap it in ``sklearn.frozen.FrozenEstimator`` where that may happen.

    Parameters
    ----------
    estimator
        Fitted binary classifier with ``predict_proba``; the second column is the score.
    policy
        What decides.
    uncertainty
        What gives the uncertainty of each row, in the unit of the policy's column: a function of X, or a fitted
        model with ``predict``. For kind ``interval`` it gives the width.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> PolicyClassifier(FrozenEstimator(model), policy, spread).predict(X)  # doctest: +SKIP
    array([0, 1, 1])
    """

    def __init__(self, estimator: Any, policy: Policy, uncertainty: Any) -> None:
        self.estimator = estimator
        self.policy = policy
        self.uncertainty = uncertainty

    def fit(self, X: Any, y: Any = None) -> "PolicyClassifier":  # noqa: ARG002
        """Check that everything is there; nothing is trained.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            The model is not fitted.
        InputError
            The model does not have two classes, or the parameters are not what they must be.
        """
        self._check()
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The class of each row: the second of ``classes_`` where the policy accepts, the first elsewhere.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            The model is not fitted.
        InputError
            As in :meth:`fit`, or the uncertainty is not one number per row.
        """
        self._check()
        score = np.asarray(self.estimator.predict_proba(X))[:, 1]
        decision = self.policy.decide(score, self._uncertainty_of(X))
        return np.asarray(self.classes_)[decision.astype(np.intp)]

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """Probabilities of the model, as they are."""
        return np.asarray(self.estimator.predict_proba(X))

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """Classes of the model; the second one is the positive."""
        return np.asarray(self.estimator.classes_)

    @property
    def n_features_in_(self) -> int:
        """Features of the model."""
        return int(self.estimator.n_features_in_)

    @property
    def feature_names_in_(self) -> npt.NDArray[Any]:
        """Names of the features of the model, if it knows them."""
        return np.asarray(self.estimator.feature_names_in_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self.estimator, "classes_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags

    def _check(self) -> None:
        check_is_fitted(self.estimator)
        if not isinstance(self.policy, Policy):
            raise InputError("policy must be a Policy.", fix="Read it with policy_file.read_policy.")
        if not (callable(self.uncertainty) or hasattr(self.uncertainty, "predict")):
            raise InputError(
                "uncertainty must be a function or a fitted model.", fix="Give a function of X, or a model."
            )
        if len(self.classes_) != 2:
            raise InputError(f"The model has {len(self.classes_)} classes.", fix="Give a model of two classes.")

    def _uncertainty_of(self, X: Any) -> Any:
        return self.uncertainty.predict(X) if hasattr(self.uncertainty, "predict") else self.uncertainty(X)
