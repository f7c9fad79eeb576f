"""The desk: requests and what reviewers and operators do about them."""

from erasure.admin import breaches, checked, packs, places, questions, requests, transfers

__all__ = ["breaches", "checked", "packs", "places", "questions", "requests", "transfers"]
