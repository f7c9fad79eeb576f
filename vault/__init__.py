"""Keys and ciphertext; the only importer of `cryptography`. Begin with `services`; docs/vault.md draws it.

Each module stands once in this list, and a law keeps it so.

What others call
    services, models                 data keys, cells, blind indexes, digests; what of it lies in the database
How it is done (pure)
    envelope, aead, kdf, stream      a key a person, a cell, a label, a file
    indexes, pairwise, planner       look-up without opening; an id an application; what gets no index
    signing, x509, age               receipts; signed bodies; what leaves for one receiver
Where the keys come from
    providers, keyring, keyfiles, checks
                                     the one copy of a process, its document, its file, whether it is the right one
    wrapping, transit, aws_kms       a key service opens it
    checkpoint_key                   what the audit log signs with
Renewed and destroyed
    rotation, renewal                new versions of the service's keys
    datakeys                         of people's keys
    ledger, ledger_file              what a restored backup must not undo
    tasks, apps
"""
