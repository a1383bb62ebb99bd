"""Hard groups without a model, and their scores against labels."""

from __future__ import annotations

from mixtura.clustering.comparable import draw_in as draw_in
from mixtura.clustering.comparable import spread_ties as spread_ties
from mixtura.clustering.comparable import standardised as standardised
from mixtura.clustering.evidence import GroupEvidence as GroupEvidence
from mixtura.clustering.evidence import group_evidence as group_evidence
from mixtura.clustering.kmeans import kmeans_groups as kmeans_groups
from mixtura.clustering.linkage import linkage_groups as linkage_groups
from mixtura.clustering.matching import numbered_alike
from mixtura.clustering.neighbour_graph import GraphGroups as GraphGroups
from mixtura.clustering.neighbour_graph import modularity as modularity
from mixtura.clustering.neighbour_graph import modularity_groups as modularity_groups
from mixtura.clustering.neighbour_graph import neighbour_graph as neighbour_graph
from mixtura.clustering.neighbour_information import neighbour_information as neighbour_information
from mixtura.clustering.neighbours import nearest as nearest
from mixtura.clustering.scores import accuracy as accuracy
from mixtura.clustering.scores import ari as ari
from mixtura.clustering.scores import confusion as confusion
from mixtura.clustering.scores import nmi as nmi

__all__ = [
    "GraphGroups",
    "GroupEvidence",
    "accuracy",
    "ari",
    "confusion",
    "draw_in",
    "group_evidence",
    "kmeans_groups",
    "linkage_groups",
    "modularity",
    "modularity_groups",
    "nearest",
    "neighbour_graph",
    "neighbour_information",
    "nmi",
    "numbered_alike",
    "spread_ties",
    "standardised",
]
