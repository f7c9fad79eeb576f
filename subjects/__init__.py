"""The people: identifiers, values, who knows them, and the registry of all that is held (`holdings`).

Each module stands once in this list, and a law keeps it so. What changes something is in `services`.

What is held
    models, cells, selectors         rows, the places of sealed cells, questions
    holdings, own_holdings           what every app tells of a person and erases; what this one does
    normalise, validation            identifiers in one form; values that fit their type
    looks, verify_data               who looked; an older sealing put back
Doors
    views, urls, api, api_urls, admin
    import_lines                     a file of people
Elsewhere
    hooks, tasks, apps               what only the floors above know; what is swept
"""
