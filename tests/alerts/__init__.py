"""Every alert fired by a real fault: an instance as `make run` starts it, Prometheus from Debian, and our own rules.

    make alerts                          everything, about half an hour
    make alerts ALERTS="PortalSlow"      the faults of these alerts alone

First nothing may fire while the service is well and used. Then each fault is done to the running instance: its alert
fires, none but those that belong to it, and after the mend it ends. Time is compressed (`compressed`): twenty times in
`for:` and in windows of rates. What takes days is told to the rows instead: a request filed three weeks ago.
Not here are the four alerts about memory, whose windows cannot be shortened: a growing process is grown by `make soak`.
"""
