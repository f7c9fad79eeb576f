"""What changes the world in consent, and what is decided. Each module stands once in this list, and a law keeps it so.

Answers
    consents, events, standing       an answer, written down; what stands
    first_answers, imports, all_at_once
                                     many at once, from a file, with one click
    confirmations, authorisations, reminders
                                     words by mail: one's own, a parent's, before an end
    objections, signals              Art. 21, also by a browser
    paper, proofs                    scans; what is kept as proof after an erasure
Decisions
    decisions, facts, batches        one, what it rests on, very many
    data, reading                    personal values in and out; the plain read
    feed, replica, counting          what applications decide with themselves; remembered here; counted
Sharing
    sharing, asks, ask_rows          switched by the person; asked for by a third party
Notices to others
    deliveries, sending, leases      queued, called, settled; whose row it is
    by_hand, renewals                told by an operator; told once more
Governance
    review, review_rows, comments, acknowledgements, delegations
                                     four eyes, and what is said and read on the way
    publishing, forecast, revisions, next_versions
                                     going live, what it would change, what is live changed, the next of it
    findings, attestations           what is not as it should be; what applications have shown
"""
