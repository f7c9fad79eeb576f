"""The frame: settings, urls, jobs and doors in one place; no rule of law lives here."""

from gdpr_portal.celery import app as celery_app

__all__ = ["celery_app"]
