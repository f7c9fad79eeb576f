"""What data is for and who said yes to what: purposes and contracts, answers and decisions, sharing, notices to others.

Each module stands once in this list, and a law keeps it so. The core is `decide`; what changes the world is in
`services`, reading a notice in `notices`, the API in `api`, desks in `admin`, `desk` and `qa`.

Rules (pure)
    decide, states, review_states    may data be used; what an answer becomes; the life of what is reviewed
    rights, ages, categories, transfers, values
                                     of a lawful basis; of children; of components; of countries; of fields
    digests, receipts, conformance   what is bound, given and taken, byte for byte
    revised                          what a revision changes and whom it asks again
Questions
    selectors, fitness, reports      what is live; what keeps a thing from it; what the checks say
    review_queue, review_history, records
                                     what waits, what happened, the record of processing (Art. 30)
    explain, progress, pages, page_states
                                     a decision, a switch and the pages, as they are shown
    names, wording, countries        slugs, codes and countries in words
Doors
    views, word_views, urls, api_urls, middleware
                                     pages, links of mails, the signal of a browser
    proof_desk                       scans of paper forms
    webhook                          the one call to the outside
Elsewhere
    holdings, confirmation_holdings  what is held here about people
    hooks, tasks, apps               who above wants to know; what is swept
    demo_catalogue                   what `make run` shows
"""
