"""One module of settings for every profile; what differs between them stands in the environment (docs/settings.md)."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from psycopg.conninfo import conninfo_to_dict

from gdpr_portal.env import (
    REQUIRED,
    address,
    at_least_zero,
    boolean,
    env,
    holidays,
    natural,
    one_of,
    path,
    postgresql,
    share,
    time_zone,
    words,
)

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

PROFILE: str = env(
    "PROFILE",
    one_of("embedded", "development", "staging", "production"),
    "production",
    "Which profile this process runs in; embedded is what `make run` sets up.",
)
IS_LOCAL = PROFILE in {"embedded", "development"}
RUN_DIR: Path = env("RUN_DIR", path, BASE_DIR / ".run", "Where keys, mail, logs and the embedded database lie.")
SECRET_KEY: str = env("SECRET_KEY", str, REQUIRED, "Django's signing secret: 50 or more random characters.")
DEBUG = False
TRUSTED_PROXY_COUNT: int = env(
    "TRUSTED_PROXY_COUNT",
    natural,
    0,
    "How many proxies of ours stand in front; that many entries of X-Forwarded-For, from the right, are believed.",
)
ALLOWED_HOSTS: list[str] = env("ALLOWED_HOSTS", words, [], "Host names served, between commas.")
BASE_URL: str = env(
    "BASE_URL", address("https", "http"), "http://127.0.0.1:8000", "The address people reach the portal at."
).rstrip("/")
HTTPS: bool = env("HTTPS", boolean, not IS_LOCAL, "Whether people reach the portal over TLS; sets every cookie flag.")

# --- database -------------------------------------------------------------------------------------------------------
DATABASE_URL: str = env("DATABASE_URL", postgresql, REQUIRED, "PostgreSQL for web and worker: the restricted app role.")
DATABASE_OWNER_URL: str = env(
    "DATABASE_OWNER_URL", postgresql, DATABASE_URL, "PostgreSQL as the owner of the schema; migrations alone use it."
)
DATABASE_SEQUENCER_URL: str = env(
    "DATABASE_SEQUENCER_URL", postgresql, DATABASE_URL, "PostgreSQL as the role that may write the audit tree."
)
DATABASE_ROLE: str = env(
    "DATABASE_ROLE", one_of("app", "owner", "sequencer"), "app", "Which of the three roles this process connects as."
)
STATEMENT_TIMEOUT_MS: int = env("STATEMENT_TIMEOUT_MS", natural, 5000, "Longest statement, in milliseconds.")
LOCK_TIMEOUT_MS: int = env("LOCK_TIMEOUT_MS", natural, 2000, "Longest wait for a lock, in milliseconds.")
CONN_MAX_AGE: int = env("CONN_MAX_AGE", natural, 600, "Seconds a database connection is kept.")
DATABASE_POOLED: bool = env(
    "DATABASE_POOLED",
    boolean,
    False,
    "Whether PgBouncer in transaction mode stands before the database: no cursor outlives its statement then.",
)


def database(url: str) -> dict[str, Any]:
    """Django's settings for a `postgresql://` address, libpq options and socket directories included."""
    parts = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    settings: dict[str, Any] = {names[key]: parts.pop(key) for key in list(parts) if key in names}
    limits = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
    # What is prepared (gdpr_portal.prepared) is planned once: with plans for each value, planning costs most.
    limits += " -c plan_cache_mode=force_generic_plan"
    if DATABASE_ROLE == "owner":
        limits = ""
    ours = f"{limits} -c timezone=UTC {parts.pop('options', '')}"  # the address adds to them, and may say another
    return settings | {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": CONN_MAX_AGE,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": DATABASE_POOLED,
        "OPTIONS": {"connect_timeout": 2, "options": ours.strip(), **parts},
    }


_urls = {"app": DATABASE_URL, "owner": DATABASE_OWNER_URL, "sequencer": DATABASE_SEQUENCER_URL}
DATABASES = {"default": database(_urls[DATABASE_ROLE])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- applications, doors --------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "gdpr_portal.apps.FrameConfig",
    "audit.apps.AuditConfig",
    "vault.apps.VaultConfig",
    "access.apps.AccessConfig",
    "subjects.apps.SubjectsConfig",
    "consent.apps.ConsentConfig",
    "erasure.apps.ErasureConfig",
    "gdpr_portal.apps.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_otp",
    "rest_framework",
    "drf_spectacular",
    "csp",
]

MIDDLEWARE = [
    "gdpr_portal.middleware.ClientAddressMiddleware",
    "gdpr_portal.middleware.RequestIdMiddleware",
    "gdpr_portal.middleware.MetricsMiddleware",
    "gdpr_portal.middleware.ErrorsMiddleware",
    "gdpr_portal.middleware.SealedMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "gdpr_portal.middleware.HeadersMiddleware",
    "gdpr_portal.pages.PolicyMiddleware",
    "gdpr_portal.middleware.TlsMiddleware",
    "gdpr_portal.pages.SessionMiddleware",
    "gdpr_portal.middleware.LanguageMiddleware",
    "gdpr_portal.pages.CsrfMiddleware",
    "gdpr_portal.pages.PlainTextMiddleware",
    "gdpr_portal.pages.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "access.second_factor.DefaultDenyMiddleware",
    "consent.middleware.PrivacySignalMiddleware",
    "gdpr_portal.pages.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "gdpr_portal.shedding.SheddingMiddleware",
]

ROOT_URLCONF = "gdpr_portal.urls"
WSGI_APPLICATION = "gdpr_portal.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gdpr_portal.context_processors.controller",
                "gdpr_portal.context_processors.passkeys",
            ],
        },
    }
]

# --- people who sign in ---------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "access.Account"
AUTHENTICATION_BACKENDS = ["access.backends.SealedEmailBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "access.passwords.ContextWords"},
    {"NAME": "access.passwords.Breached"},
]
BREACHED_PASSWORDS_FILE: str = env(
    "BREACHED_PASSWORDS_FILE",
    str,
    "",
    "Passwords of breaches that nobody may choose, or none: sorted SHA-1 lines as haveibeenpwned.com gives them out.",
)
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
STEP_UP_SECONDS = 300
_reached_at = urlsplit(BASE_URL)
_is_loopback = _reached_at.hostname in {"127.0.0.1", "::1"}
PASSKEY_RP_ID: str = env(
    "PASSKEY_RP_ID",
    str,
    "localhost" if _is_loopback else _reached_at.hostname or "localhost",
    "The domain passkeys belong to (WebAuthn's RP ID); never an IP address. Changed, all passkeys are void.",
)
PASSKEY_ORIGINS: list[str] = env(
    "PASSKEY_ORIGINS",
    words,
    [BASE_URL.replace("127.0.0.1", "localhost").replace("[::1]", "localhost")],
    "Origins passkeys may be used at, between commas: scheme, host and port, within `PASSKEY_RP_ID`.",
)
LOST_FACTOR_HOURS: int = env(
    "LOST_FACTOR_HOURS", natural, 72, "Hours between asking for the way back for lost second factors and its opening."
)
SESSION_ENGINE = "access.sessions"
SESSION_COOKIE_AGE = 8 * 3600  # from the sign-in on, whatever is done meanwhile (access/sessions.py)
SESSION_IDLE_SECONDS = 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "gdpr_portal.views.csrf_failure"
CSRF_TRUSTED_ORIGINS = [BASE_URL] if HTTPS else []
MESSAGE_STORAGE = "gdpr_portal.notes.Storage"
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "gdpr_portal_cache"},
}

# --- headers --------------------------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = HTTPS and not IS_LOCAL
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if not IS_LOCAL else None
SECURE_REDIRECT_EXEMPT = [
    r"^livez$",
    r"^readyz$",
    r"^api/",
    r"^oauth/",
]  # programs: gdpr_portal.middleware.TlsMiddleware
SECURE_HSTS_SECONDS = 63072000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"  # with no-referrer, browsers send "Origin: null" and every form fails (CSRF)
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "object-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_HANDLERS = ["gdpr_portal.uploads.MemoryHandler"]

# --- languages, dates -----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German")), ("fr", _("French"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "__Host-language" if HTTPS else "language"
LANGUAGE_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
USE_I18N = USE_TZ = True
FORMAT_MODULE_PATH = "gdpr_portal.formats"
TIME_ZONE = "UTC"
CONTROLLER_TIME_ZONE: str = env(
    "CONTROLLER_TIME_ZONE",
    time_zone,
    "Europe/Berlin",
    "The controller's time zone: due dates end there, times are in it.",
)
CONTROLLER_HOLIDAYS: str = env(
    "CONTROLLER_HOLIDAYS",
    holidays,
    "DE-BE",
    "Country and subdivision whose holidays move due dates (Regulation 1182/71).",
)

# --- who is responsible (Art. 13(1)(a), (b), (d)) ---------------------------------------------------------------------
CONTROLLER = {
    "name": env("CONTROLLER_NAME", str, "Example Controller GmbH", "Legal name of the controller."),
    "country": env(
        "CONTROLLER_COUNTRY", str, "DE", "Country (ISO 3166) in which personal data is stored and processed."
    ),
    "address": env("CONTROLLER_ADDRESS", str, "Musterstrasse 1, 10115 Berlin, Germany", "Its postal address."),
    "phone": env("CONTROLLER_PHONE", str, "+49 30 5550100", "Its telephone number, for receipts."),
    "contact": env("CONTROLLER_CONTACT", str, "privacy@controller.example", "Where people reach it."),
    "representative": env("CONTROLLER_REPRESENTATIVE", str, "", "Its representative in the Union (Art. 27), if any."),
    "officer": env("DATA_PROTECTION_OFFICER", str, "dpo@controller.example", "The data protection officer (Art. 37)."),
    "authority": env(
        "SUPERVISORY_AUTHORITY",
        str,
        "Berliner Beauftragte für Datenschutz und Informationsfreiheit",
        "The supervisory authority for complaints (Art. 77).",
    ),
    "authority_url": env(
        "SUPERVISORY_AUTHORITY_URL", str, "https://www.datenschutz-berlin.de", "Where complaints are lodged."
    ),
}

# --- keys, audit log ------------------------------------------------------------------------------------------------
VAULT_KEY_FILE: Path = env(
    "VAULT_KEY_FILE", path, RUN_DIR / "keys" / "vault.json", "The keyring, outside the database."
)
KEYRING_FROM: str = env(
    "KEYRING_FROM", str, "", "In a container: the mounted folder that the key files are copied from at its start."
)
VAULT_KEY_PROVIDER: str = env(
    "VAULT_KEY_PROVIDER", one_of("file", "transit", "kms"), "file", "What opens the keyring: nothing, or a key service."
)
VAULT_SERVICE_KEY: str = env(
    "VAULT_SERVICE_KEY", str, "gdpr-portal", "The key of the key service: a transit key's name, a KMS id, ARN or alias."
)
VAULT_TRANSIT_ADDRESS: str = env("VAULT_TRANSIT_ADDRESS", str, "", "HashiCorp Vault, as https://host:port.")
VAULT_TRANSIT_TOKEN_FILE: Path = env(
    "VAULT_TRANSIT_TOKEN_FILE", path, RUN_DIR / "keys" / "transit-token", "Its token, kept fresh there by an agent."
)
VAULT_TRANSIT_MOUNT: str = env("VAULT_TRANSIT_MOUNT", str, "transit", "Where the transit engine is mounted.")
VAULT_TRANSIT_NAMESPACE: str = env("VAULT_TRANSIT_NAMESPACE", str, "", "The namespace of the mount, if any.")
VAULT_KMS_REGION: str = env("VAULT_KMS_REGION", str, "eu-central-1", "The AWS region of the KMS key.")
VAULT_KMS_ENDPOINT: str = env("VAULT_KMS_ENDPOINT", str, "", "Another address of KMS (private link), or none.")
AUDIT_SIGNING_KEY_FILE: Path = env(
    "AUDIT_SIGNING_KEY_FILE", path, RUN_DIR / "keys" / "audit.json", "The checkpoint key; the sequencer alone reads it."
)
AUDIT_LOG_ORIGIN: str = env("AUDIT_LOG_ORIGIN", str, "gdpr-portal.example/audit", "The origin line of checkpoints.")
AUDIT_WITNESS_DIR: str = env(
    "AUDIT_WITNESS_DIR", str, "", "Folder that keeps checkpoints of the audit log, on somebody else's disk, or none."
)
AUDIT_WITNESS_URL: str = env(
    "AUDIT_WITNESS_URL", str, "", "Witness that cosigns checkpoints (C2SP tlog-witness, submission prefix), or none."
)
AUDIT_WITNESS_VKEY: str = env("AUDIT_WITNESS_VKEY", str, "", "The witness's verifier key (C2SP vkey of type 4).")
AUDIT_WITNESS_SECONDS: int = env(
    "AUDIT_WITNESS_SECONDS", natural, 300, "Seconds between two checkpoints given to holders."
)
AUDIT_VERIFY_HOURS: int = env(
    "AUDIT_VERIFY_HOURS", natural, 24, "Hours after which the whole audit log is verified again by itself; 0 for never."
)
STAFF_REVEALS_AN_HOUR: int = env(
    "STAFF_REVEALS_AN_HOUR", natural, 20, "How often a member of staff may open data of people within an hour (T12)."
)
AUDIT_RETENTION_MONTHS: int = env(
    "AUDIT_RETENTION_MONTHS", natural, 72, "Whole months after which `audit_retention` may drop events; the tree stays."
)
SHRED_LEDGER_FILE: Path = env(
    "SHRED_LEDGER_FILE", path, RUN_DIR / "ledger" / "shred.jsonl", "Tombstones of erasures, outside the backups."
)

# --- rights requests ------------------------------------------------------------------------------------------------
UNDO_WINDOW_SECONDS: int = env(
    "UNDO_WINDOW_SECONDS",
    natural,
    0 if PROFILE == "embedded" else 86400,
    "Seconds before an erasure destroys anything.",
)
ACCESS_WAIT_SECONDS: int = env(
    "ACCESS_WAIT_SECONDS",
    natural,
    10 if PROFILE == "embedded" else 10 * 86400,
    "Seconds a copy waits for others who were asked; never longer than to a week before it is due.",
)
ARCHIVE_LIFETIME_SECONDS: int = env(
    "ARCHIVE_LIFETIME_SECONDS", natural, 72 * 3600, "Seconds an archive can be collected."
)
ARCHIVE_RESUME_SECONDS: int = env(
    "ARCHIVE_RESUME_SECONDS", natural, 3600, "Seconds an interrupted download goes on without another second factor."
)
MANDATE_OBJECTION_HOURS: int = env(
    "MANDATE_OBJECTION_HOURS",
    natural,
    72,
    "Hours a person has to object after being told that somebody asked in their name; nothing is done before.",
)
PROOF_RETENTION_DAYS: int = env(
    "PROOF_RETENTION_DAYS",
    natural,
    3 * 365,
    "Days the pseudonymous proof of consent is kept after an erasure (Art. 17(3)(e)).",
)
DELAY_NOTICE_HOURS: int = env(
    "DELAY_NOTICE_HOURS", natural, 24, "Hours before a due date at which the person is told of the delay (Art. 12(4))."
)
INTERNAL_DUE_DAYS: int = env(
    "INTERNAL_DUE_DAYS",
    natural,
    7,
    "Days before a due date at which the desk means to have answered; the desk's alone.",
)
ERASURES_PER_HOUR: int = env(
    "ERASURES_PER_HOUR",
    natural,
    0 if PROFILE == "embedded" else 1000,
    "Erasures begun in an hour, from which on none begins until two people agreed; 0 for no limit.",
)
RETENTION_ERASES: bool = env(
    "RETENTION_ERASES", boolean, True, "Whether values past their retention period are erased without a reviewer."
)
ENDED_CONSENT_ERASES: bool = env(
    "ENDED_CONSENT_ERASES",
    boolean,
    False,
    "Whether values held for ended consents alone are erased without a reviewer; they are proposed otherwise.",
)
REVIEW_EVERY_REQUEST: bool = env(
    "REVIEW_EVERY_REQUEST", boolean, False, "Whether every rights request waits for a reviewer first."
)

CONSENT_REMINDER_DAYS: int = env(
    "CONSENT_REMINDER_DAYS", natural, 30, "Days before a consent ends at which its person is reminded and can renew it."
)
NOTICE_READABILITY_WARNING: int = env(
    "NOTICE_READABILITY_WARNING",
    natural,
    40,
    "Readability score (0 hard, 100 easy) under which the reviewer of a notice is warned.",
)
CONFIRMATION_HOURS: int = env(
    "CONFIRMATION_HOURS", natural, 72, "Hours after which a notice nobody confirmed becomes a finding for IRM."
)

ATTESTATION_DAYS: int = env(
    "ATTESTATION_DAYS", natural, 90, "Days after which an application's last conformance attestation becomes a finding."
)
ATTESTATION_KEPT_DAYS: int = env(
    "ATTESTATION_KEPT_DAYS",
    natural,
    1095,
    "Days after which an attestation is erased, but for an application's last.",
)
ASK_LAPSES_DAYS: int = env("ASK_LAPSES_DAYS", natural, 30, "Days after which a third party's unanswered ask is a no.")
ASK_AGAIN_DAYS: int = env(
    "ASK_AGAIN_DAYS",
    natural,
    180,
    "Days after a no, or a sharing switched off, before the same third party may ask again.",
)
ASKS_PER_DAY: int = env("ASKS_PER_DAY", natural, 1000, "Asks for a share a third party may make in 24 hours.")

# --- jobs -----------------------------------------------------------------------------------------------------------
BROKER_URL: str = env(
    "BROKER_URL",
    address("pgmq", "amqp", "amqps", "memory"),
    REQUIRED,
    "Celery's broker: pgmq:// (PostgreSQL itself) or amqp:// (RabbitMQ).",
)
STEP_LEASE_SECONDS: int = env(
    "STEP_LEASE_SECONDS", natural, 30, "Seconds a worker holds a step or delivery it has claimed."
)
OPENDSR_DOMAIN: str = env(
    "OPENDSR_DOMAIN", str, "", "Domain that OpenDSR answers are signed for; by default that of BASE_URL."
)
OPENDSR_CERTIFICATE_FILE: Path = env(
    "OPENDSR_CERTIFICATE_FILE",
    path,
    RUN_DIR / "keys" / "opendsr.pem",
    "Its certificate, PEM; without it OpenDSR is off.",
)
OPENDSR_KEY_FILE: Path = env(
    "OPENDSR_KEY_FILE", path, RUN_DIR / "keys" / "opendsr.key", "The RSA key of that certificate, PEM, unencrypted."
)
WEBHOOK_TIMEOUT_SECONDS: int = env("WEBHOOK_TIMEOUT_SECONDS", natural, 10, "Longest call of a webhook in all.")
WEBHOOK_LOOPBACK_ALLOWED: bool = IS_LOCAL and env(
    "WEBHOOK_LOOPBACK_ALLOWED", boolean, IS_LOCAL, "Whether notices may go to this machine; development profiles only."
)

# --- mail -----------------------------------------------------------------------------------------------------------
MAIL_DIR: Path = env("MAIL_DIR", path, RUN_DIR / "mail", "Where mail lands as .eml files, when no server is named.")
EMAIL_URL: str = env(
    "EMAIL_URL",
    address("smtp", "smtp+tls", "smtps"),
    "",
    "smtp://user:password@host:587 of the mail server (STARTTLS but on port 25), or smtps://; empty writes files.",
)
DEFAULT_FROM_EMAIL: str = env("MAIL_FROM", str, "privacy@controller.example", "The sender of every mail.")
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend" if EMAIL_URL else "gdpr_portal.mail.FolderBackend"
if EMAIL_URL:
    from urllib.parse import unquote

    _mail = urlsplit(EMAIL_URL)
    EMAIL_USE_SSL = _mail.scheme == "smtps"
    EMAIL_HOST, EMAIL_PORT = _mail.hostname or "localhost", _mail.port or (465 if EMAIL_USE_SSL else 587)
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
    EMAIL_USE_TLS = not EMAIL_USE_SSL and EMAIL_PORT != 25
    EMAIL_TIMEOUT = 10

# --- the API --------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["access.rest.admission.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["access.rest.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["access.rest.admission.ApplicationThrottle"],
    "DEFAULT_PARSER_CLASSES": ["access.rest.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["access.rest.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "access.rest.negotiation.QualityNegotiation",
    "DEFAULT_SCHEMA_CLASS": "access.rest.schema.ContractSchema",
    "EXCEPTION_HANDLER": "access.rest.problems.handle",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "GDPR Portal API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "DESCRIPTION": "Consent, personal data, decisions and rights requests for business applications.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PATH_CONVERTER_OVERRIDES": {"id": {"type": "string", "format": "uuid"}},
    "ENUM_NAME_OVERRIDES": {
        "AskState": "consent.api.sharing.ASK_STATES",
        "AuthorisationState": "consent.api.authorisations.STATES",
        "ConsentAction": "consent.services.consents.ACTIONS",
        "ConsentState": "consent.api.consents.STATES",
        "DataSource": "consent.api.data.SOURCES",
        "DecisionCode": "consent.api.decisions.VERDICTS",
        "DeliveryOutcome": "consent.states.OUTCOMES",
        "DeliveryState": "consent.api.deliveries.STATES",
        "IdentifierKind": "subjects.models.Identifier.Kind",
        "LawfulBasis": "consent.api.catalogue.BASES",
        "RefusalCode": "consent.decide.CODES",
        "RequestState": "erasure.api.REQUEST_STATES",
        "Right": "erasure.models.RightsRequest.Right",
        "RuleOutcome": "consent.api.decisions.RULE_OUTCOMES",
        "StepState": "erasure.api.STEP_STATES",
        "VerifiedBy": "erasure.models.RightsRequest.VerifiedBy",
    },
    "SORT_OPERATIONS": False,
    "SERVERS": [{"url": BASE_URL}],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "access.rest.schema.complete",
    ],
}

# --- static files ---------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT: Path = env("STATIC_ROOT", path, RUN_DIR / "static", "Where collectstatic writes.")
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "gdpr_portal.finders.DocsFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}

QUICK_ANSWERS: bool = env(
    "QUICK_ANSWERS", boolean, True,
    "Whether decisions, plain reads of data, consents and registrations are answered in front of Django"
    " (docs/decisions/0040, 0044, 0050).",
)  # fmt: skip

DECISIONS_FROM: str = env(
    "DECISIONS_FROM", one_of("fresh", "replica"), "fresh",
    "Whether decisions in front of Django ask the database each time, or may be remembered by the process as long as"
    " the feed of changes allows (docs/decisions/0051).",
)  # fmt: skip
REPLICA_SECONDS: float = env(
    "REPLICA_SECONDS", at_least_zero, 1.0,
    "The bound: how much older than a change a remembered decision may be. Past it the database is asked.",
)  # fmt: skip
REPLICA_ANSWERS: int = env(
    "REPLICA_ANSWERS", natural, 250_000, "How many decisions a web process remembers at most, some 120 bytes each."
)

SHED_AFTER_SECONDS: float = env(
    "SHED_AFTER_SECONDS", at_least_zero, 1.0,
    "Lists that waited so long behind the balancer (`X-Request-Start`) are refused with 503, data after twice that,"
    " decisions after four times; consents, withdrawals and rights requests never. 0: nothing is.",
)  # fmt: skip

# --- logs, metrics --------------------------------------------------------------------------------------------------
LOG_FORMAT: str = env("LOG_FORMAT", one_of("text", "json"), "text" if IS_LOCAL else "json", "How log lines look.")
LOG_LEVEL: str = env(
    "LOG_LEVEL", one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "INFO", "The lowest level logged."
)
METRICS_PORT: int = env("METRICS_PORT", natural, 9464, "Port of the metrics process.")
PROMETHEUS_URL: str = env("PROMETHEUS_URL", str, "", "Prometheus, for `manage.py postflight` to ask, or none.")
LOKI_URL: str = env("LOKI_URL", str, "", "Loki, for `manage.py postflight` to look for our lines in, or none.")
ELASTICSEARCH_URL: str = env(
    "ELASTICSEARCH_URL", str, "", "Elasticsearch, for `manage.py postflight` to look for our lines in, or none."
)
METRICS_ADDRESS: str = env("METRICS_ADDRESS", str, "127.0.0.1", "Address the metrics process listens on.")
RELEASE: str = env(
    "RELEASE",
    str,
    VERSION,
    "What is deployed, a tag or digest: label of memory and starts.",
)
TRACES_URL: str = env(
    "TRACES_URL",
    str,
    "",
    "Collector of traces (OTLP over HTTP, with its path), or none: needs `gdpr-portal[telemetry]`.",
)
TRACES_RATIO: float = env("TRACES_RATIO", share, 0.05, "Share of requests and jobs whose traces are kept, 0 to 1.")
LOGGING_CONFIG = "gdpr_portal.logs.configure"
LOGGING = {"format": LOG_FORMAT, "level": LOG_LEVEL}

if not IS_LOCAL and (len(SECRET_KEY) < 50 or "insecure" in SECRET_KEY or SECRET_KEY.startswith("only-for-")):
    # What begins so stands in files of ours that everybody can read (compose.yaml, tests, benches).
    raise ImproperlyConfigured("SECRET_KEY must be a random one of 50 characters or more.")
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(RUN_DIR / "metrics"))
os.environ.setdefault("RUN_DIR", str(RUN_DIR))
# W003 looks for Django's own name of the CSRF middleware; pages.CsrfMiddleware is one, for pages alone.
SILENCED_SYSTEM_CHECKS: list[str] = ["security.W003"]
