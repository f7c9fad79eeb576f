"""Who may act: people and staff with two factors, applications with scopes. The frame of the API is in `rest`.

Each module stands once in this list, and a law keeps it so.

People and staff
    models, selectors, forms         accounts, factors, sessions, applications, tokens
    roles, backends, sessions, browsers
                                     the roles of staff; sign-in by a sealed address; who is signed in, with what
    passwords                        what nobody may choose as one
    evenly                           answers that take the same time for everybody
    second_factor                    default-deny, and the step-up before what matters
    urls                             pages, in `views`; what they do, in `services`
Applications
    scopes, tokens, oauth, endpoints
                                     what a token may do, how it is made, where notices go
    docs, checks                     the contract's pages; what does not start
Desks
    desks, saying, admin, admin_base, admin_filters
                                     what all desks share, and what a page says of an act
    lost_desk                        staff without a factor; that of the audit log is in `audit_desk`
The audit log for applications
    api, api_urls
Elsewhere
    hooks, tasks, apps               who above wants to know; what is swept
"""
