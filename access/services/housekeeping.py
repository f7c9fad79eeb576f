"""What is kept only for a time is gone after it (Art. 5(1)(e)): tokens, mailed codes, answers, counts of tries."""

from access import oauth, sessions
from access.rest import idempotency
from access.services import limits, lost_factor, mail, mailcodes, passkeys, staff


def purge_expired() -> dict[str, int]:
    """Tokens, mailed codes, challenges and sessions past their time, idempotent answers past 24 hours, old counts of
    tries and mails given up are gone; how many of each."""
    return {
        "tokens": oauth.purge_tokens(),
        "idempotency_keys": idempotency.purge_idempotency_keys(),
        "attempts": limits.purge(),
        "mails": mail.purge(),
        "mail_codes": mailcodes.purge(),
        "challenges": passkeys.purge(),
        "factor_resets": lost_factor.purge(),
        "staff_invitations": staff.purge(),
        "sessions": sessions.purge(),
    }
