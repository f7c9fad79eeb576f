"""Which rights a lawful basis gives (law.md, "Lawful basis decides"). Pure."""

PORTABLE = frozenset({"consent", "contract"})
OBJECTIONABLE = frozenset({"public_task", "legitimate_interests"})
KEPT = frozenset({"legal_obligation", "public_task"})


def rights_offered(basis: str, is_marketing: bool = False) -> tuple[str, ...]:
    """The rights of a person over what is processed on this basis, in the order of the articles.

    Access (Art. 15), rectification (16) and restriction (18) always; erasure (17) but under a legal obligation or
    public
    task (17(3)(b)); portability (20(1)(a)) under consent and contract; objection (21(1)) under public task and
    legitimate
    interests, and to marketing whatever the basis (21(2)); withdrawal (7(3)) under consent.
    """
    offered = {
        "access": True,
        "rectification": True,
        "erasure": basis not in KEPT,
        "restriction": True,
        "portability": basis in PORTABLE,
        "objection": basis in OBJECTIONABLE or is_marketing,
        "withdraw_consent": basis == "consent",
    }
    return tuple(right for right, given in offered.items() if given)
