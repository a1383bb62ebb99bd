from __future__ import annotations

from torch.distributions import Distribution, Exponential, Gamma

from mixtura.divergence.registry import forms, register


class Parent(Gamma):
    pass


class Child(Parent):
    pass


def test_the_nearest_types_come_first() -> None:
    @register(Parent, Parent, "power")
    def parents(p, q, alpha):
        return None

    @register(Child, Parent, "power")
    def child_first(p, q, alpha):
        return None

    @register(Child, Child, "power")
    def children(p, q, alpha):
        return None

    assert list(forms(Child, Child, "power"))[:3] == [children, child_first, parents]
    assert list(forms(Parent, Child, "power"))[:1] == [parents]
    # Those that look for themselves come last.
    general = list(forms(Distribution, Distribution, "power"))
    assert list(forms(Child, Child, "power"))[-len(general) :] == general
    assert list(forms(Exponential, Child, "power")) == general


def test_a_divergence_has_forms_of_its_own() -> None:
    assert not set(forms(Gamma, Gamma, "kl")) & set(forms(Gamma, Gamma, "jensen_shannon"))
