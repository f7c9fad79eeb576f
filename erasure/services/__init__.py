"""What changes the world in rights requests. Each module stands once in this list, and a law keeps it so.

A request and its life
    requests, wishes, details        what is asked for, checked and sealed
    public, unidentified, on_behalf  without an account, from an unknown address, recorded by the desk
    nobody                           the same work for people nobody knows
    joint, joint_order               several rights in one case, the copy before the erasure
    start, finish, leftovers         from verified to under way; complete, and only when nothing is left
    clock, escalations               due dates, questions that stop them, marks on the way there
    locking, records, addresses      its row held, its events written, where people are written to
    notices, lifts                   others told of it; restrictions that end (Art. 18(3))
Who asks
    identity, identity_files         evidence, where a doubt was stated
    mandates, mandate_words, mandate_links, links
                                     somebody for somebody else; links in mails
The desk
    casework, conversation, comments, questions, opinions
    four_eyes, holds, guard          what stops an erasure
    breaches, evidence, packs        the register, and what a regulator gets
Steps
    steps, claims, sweeping          who does what next, by lease and fencing token
    perform, step_acts, removed      what each kind does; by hand; places that are gone
Copies
    copies, sources, pieces, files   what was found, here and elsewhere, until it is put together
    checking                         texts about other people
    archives, copy_links, handing_over
                                     collected by the person, by a link, by a representative
    transfers, destinations, pushing
                                     to another controller (Art. 20(2))
Other places
    connectors, connector_runs, connector_steps, withheld, withheld_reveal
                                     databases of others
    places, place_tasks              places run by hand
    opendsr, opendsr_callbacks, opendsr_calls, opendsr_signer
                                     processors and controllers that speak OpenDSR
Time
    periods, retentions              what a purpose's period or a law's date ends
    replay, resealing                after a restored backup; under a new key
"""
