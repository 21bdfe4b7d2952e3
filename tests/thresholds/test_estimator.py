"""The scikit-learn classifier: decides as the policy does, can be cloned, and never trains."""

import math

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.utils.validation import check_is_fitted

from core.errors import InputError
from core.thresholds.estimator import PolicyClassifier
from tests.thresholds.policies import POLICIES, bare_policy, make_policy, odd_rows


class Echo(ClassifierMixin, BaseEstimator):
    """Fitted model whose score is the first column of X; the second column is the uncertainty."""

    def __init__(self, classes=(0, 1)):
        self.classes = classes
        self.classes_ = np.array(classes)

    def fit(self, X, y=None):
        raise AssertionError("the policy belongs to the model as it is")

    def predict_proba(self, X):
        return np.stack([1 - X[:, 0], X[:, 0]], axis=1)


def second(X):
    """The second column."""
    return X[:, 1]


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_decides_as_the_policy_does(policy):
    rows = np.array(odd_rows(policy), dtype=float).T
    found = PolicyClassifier(Echo(), policy, second).predict(rows)
    assert found.tolist() == policy.decide(rows[:, 0], rows[:, 1]).astype(int).tolist()


def test_answers_with_the_classes_of_the_model():
    X = np.array([[0.8, 5], [0.7, 5]])
    model = PolicyClassifier(Echo(("no", "yes")), make_policy(), second)
    assert model.fit(X, ["no", "yes"]) is model
    assert model.predict(X).tolist() == ["yes", "no"]
    assert model.predict_proba(X).tolist() == Echo().predict_proba(X).tolist()
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.score(X, ["yes", "yes"]) == 0.5


@pytest.fixture(scope="module")
def fitted():
    """A logistic regression, a model of its uncertainty, and the rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
    spread = LinearRegression().fit(X, np.abs(X[:, 1]))
    return LogisticRegression().fit(X, y), spread, X, y


def test_wraps_a_model_and_a_second_one(fitted):
    model, spread, X, y = fitted
    policy = bare_policy([-1.0, 0.8, 5.0], [0.4, 0.7])
    classifier = PolicyClassifier(model, policy, spread).fit(X, y)
    expected = policy.decide(model.predict_proba(X)[:, 1], spread.predict(X))
    assert classifier.predict(X).tolist() == expected.astype(int).tolist()
    assert 0 < expected.sum() < len(X)
    assert classifier.n_features_in_ == 3
    assert not hasattr(classifier, "feature_names_in_")  # nor has the model
    assert is_classifier(classifier)
    check_is_fitted(classifier)


def test_params_and_clone(fitted):
    model, spread, X, y = fitted
    classifier = PolicyClassifier(FrozenEstimator(model), bare_policy([-1.0, 5.0], [0.4]), FrozenEstimator(spread))
    assert set(classifier.get_params(deep=False)) == {"estimator", "policy", "uncertainty"}
    again = clone(classifier)
    assert again.policy == classifier.policy
    assert again.predict(X).tolist() == classifier.predict(X).tolist()
    assert cross_val_predict(classifier, X, y).tolist() == classifier.predict(X).tolist()  # every fold the same model
    other = bare_policy([-1.0, 5.0], [math.inf])
    assert again.set_params(policy=other).predict(X).sum() == 0
    assert repr(classifier).startswith("PolicyClassifier(")


def test_refuses_an_unfitted_model(fitted):
    model, spread, X, y = fitted
    classifier = clone(
        PolicyClassifier(model, make_policy(), FrozenEstimator(spread))
    )  # clone unfits what is not frozen
    for call in (classifier.predict, lambda X: classifier.fit(X, y)):
        with pytest.raises(NotFittedError):
            call(X)
    with pytest.raises(NotFittedError):
        check_is_fitted(classifier)


def test_refuses_what_is_no_policy_no_function_and_not_two_classes():
    X = np.zeros((1, 2))
    for classifier, message in (
        (PolicyClassifier(Echo(), "policy.json", second), "policy must be a Policy"),
        (PolicyClassifier(Echo(), make_policy(), "second"), "a function or a fitted model"),
        (PolicyClassifier(Echo((0, 1, 2)), make_policy(), second), "3 classes"),
        (PolicyClassifier(Echo(), make_policy(), lambda X: [1.0, 2.0]), "1 scores and 2 uncertainties"),
    ):
        with pytest.raises(InputError, match=message):
            classifier.predict(X)
