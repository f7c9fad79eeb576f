"""Rights requests from the asking to the receipt. What changes the world is in `services`, whose list is the way in.

Each module stands once in this list, and a law keeps it so. Copies are put together in `archives`, other people's
databases are reached by `connectors`, processors and controllers by `opendsr`, the desk is `admin`.

Rules (pure)
    states, plans, deadlines         what becomes of a request and a step; which steps; the clock of Art. 12(3)
    rights, grounds, ends            which right is there, why, and until when something is held
    combined, outcomes               what came of it
    ranges                           parts of a file
Questions and words
    selectors, words, transfer_words
Doors
    forms, urls                      the portal's pages, in `views`
    letters                          what came on paper
    api, api_urls, serving           for applications; archives as answers
    resumable                        the call to another controller
Checked by others
    receipt_verifier, pack_verifier  programs of one file
Elsewhere
    tasks, apps
"""
