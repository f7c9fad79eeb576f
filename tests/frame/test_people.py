"""The people of the tests are what they say, so that a test that needs them can believe them."""


def test_alice_and_bob_are_two_people_that_shop_knows(alice, bob, shop, acme):
    assert alice.subject != bob.subject and alice.id_for(shop) != alice.id_for(acme)
    assert alice.browser().get("/security").status_code == 200


def test_staff_have_their_roles_and_nothing_more(rita, quentin, olga):
    assert [set(person.account.roles) for person in (rita, quentin, olga)] == [{"irm"}, {"qa"}, {"operator"}]
    assert all(person.account.is_staff and not person.account.is_superuser for person in (rita, quentin, olga))


def test_the_catalogue_is_live(catalogue, shop, client_for):
    slugs = {item["slug"] for item in client_for(shop).get("/api/v1/purposes").json()["items"]}
    assert {"newsletter", "orders", "statistics"} <= slugs and "profiling" not in slugs


def test_the_front_page_is_open_to_all(client, alice):
    assert client.get("/").status_code == 200
    assert alice.browser().get("/").status_code == 200
