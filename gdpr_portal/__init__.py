"""The frame: settings, urls, jobs and doors in one place; no rule of law lives here.

Each module stands once in this list, and a law keeps it so.

Settings and addresses
    settings, env, urls, wsgi, apps
Doors
    middleware, pages, bodies, uploads
                                     what every request passes, what pages need besides, what may come in
    views, home, wellknown, finders  front page and error pages; keys, readiness; the API page's two files
    context, context_processors, notes, errors
                                     the request's id, what every page knows, what the next one tells, the one family of
                                     errors
    checks                           connections of a production that are not over TLS
Desks
    admin_site, admin_words, start, charts
                                     their sign-in, their words, their start page
Jobs
    celery, broker, queues, wake, scheduler
                                     who carries them, what wakes a worker, what is swept and when
The database
    prepared, copying, indexes, patience
                                     fast statements, many rows, indexes beside work, no endless waiting
    clocks                           whether this machine's agrees with it
    histories, roles, backups        whether its schema is of our line; who may do what; a way back
Knowing that it is well
    logs, metrics, measures, exposition, traces
    lifetimes, leaks, doctor, terminal
When something breaks
    breakers, outages, shedding, failpoints
The demo
    demo, demo_crowd, mail
"""
