"""What was done, by whom, never changed: a log in a Merkle tree whose checkpoints are signed. Begin with `services`.

Each module stands once in this list, and a law keeps it so.

Writing
    services, vocabulary, actors     an act in its own transaction; every event and detail there is; who acted
    models, fields, partitions       the tables, which take INSERT alone
Sealing
    sequencer, store, merkle         in which order, where the tree lies, its maths
    canonical, note, signing         the bytes of a leaf and of a checkpoint; whose signature
Outside
    held, witnesses, cosignatures, desk_models
                                     who else holds checkpoints, and signs them
    entries, dump, standalone_verifier
                                     what outsiders check, and with what
Asking and verifying
    selectors, compare               events and proofs; two checkpoints of one log, or of two
    verify, verifications, reading   row against leaf against tree; the same as a job
    retention                        whole months taken out (Art. 5(1)(e))
    tasks, apps
"""
