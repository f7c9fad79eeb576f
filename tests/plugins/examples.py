"""Examples that hypothesis draws may take their time: a busy machine is slow, and the property holds all the same."""

from hypothesis import HealthCheck, settings

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
