"""Service-account tokens: asked for, believed, and no longer believed."""

import base64
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pyk8s import core
from pyk8s.api.identity import Identity
from pyk8s_server.apiserver.app import ApiServer
from pyk8s_server.apiserver.tokens.jwt import SigningKey

from tests.apiserver.api import PODS, Api, pod

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
SECRETS = "/api/v1/namespaces/default/secrets"
TOKEN = f"{ACCOUNTS}/bot/token"
SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
AUDIENCE = "https://kubernetes.default.svc.cluster.local"


def pem():
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(serialization.Encoding.PEM, form, plain)


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def claims_of(token):
    return json.loads(decoded(token.split(".")[1]))


@pytest.fixture
async def signing(clock):
    """A server with a key, and an account `bot`."""
    server = ApiServer(core.Store(objects=True), clock=clock, identity=Identity(7), service_account_key=pem)
    await server.bootstrap()
    client = Api(server)
    for name in ("default", "bot"):
        await client.create(ACCOUNTS, {"metadata": {"name": name}})
    yield client
    await server.close()


async def token_of(api, **spec):
    return (await api.create(TOKEN, {"spec": spec}))["status"]["token"]


async def whoami(api, token):
    """The status code and the user a bearer token makes."""
    answer = await replace(api, user=None)("POST", SELF, {}, authorization=f"Bearer {token}")
    return answer.status, answer.body["status"]["userInfo"] if answer.status == 201 else None


async def review(api, token, **spec):
    return (await api.create(REVIEWS, {"spec": {"token": token, **spec}}))["status"]


async def test_a_token_is_its_account(signing):
    account = (await signing("GET", f"{ACCOUNTS}/bot")).body

    code, user = await whoami(signing, token := await token_of(signing))

    assert (code, user["username"], user["uid"]) == (
        201,
        "system:serviceaccount:default:bot",
        account["metadata"]["uid"],
    )
    assert user["groups"] == ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
    assert user["extra"] == {"authentication.kubernetes.io/credential-id": [f"JTI={claims_of(token)['jti']}"]}


async def test_a_token_names_issuer_audience_account_and_times(signing, clock):
    claims = claims_of(await token_of(signing, expirationSeconds=600))

    now = int(clock.now_s())
    assert (claims["iss"], claims["aud"]) == (AUDIENCE, [AUDIENCE])
    assert (claims["iat"], claims["nbf"], claims["exp"]) == (now, now, now + 600)
    assert claims["sub"] == "system:serviceaccount:default:bot"
    assert claims["kubernetes.io"]["serviceaccount"]["name"] == "bot"


async def test_the_published_key_verifies_a_token(signing):
    head, body, signature = (await token_of(signing)).split(".")
    answer = await signing("GET", "/openid/v1/jwks")
    key = next(key for key in answer.body["keys"] if key["kid"] == json.loads(decoded(head))["kid"])
    x, y = (int.from_bytes(decoded(key[name])) for name in ("x", "y"))
    r, s = (int.from_bytes(half) for half in (decoded(signature)[:32], decoded(signature)[32:]))

    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    public.verify(encode_dss_signature(r, s), f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))

    assert answer.all("content-type") == ["application/jwk-set+json"]


async def test_the_issuer_tells_where_its_keys_are(signing):
    answer = await signing("GET", "/.well-known/openid-configuration")

    assert answer.body["issuer"] == AUDIENCE
    assert answer.body["jwks_uri"] == "https://127.0.0.1:6443/openid/v1/jwks"
    assert answer.body["id_token_signing_alg_values_supported"] == ["ES256"]


async def test_the_issuer_is_not_told_to_nobody(signing):
    assert (await replace(signing, user=None)("GET", "/openid/v1/jwks")).status == 401


async def test_a_token_expires(signing, clock):
    token = await token_of(signing, expirationSeconds=600)
    await clock.advance(600)
    before = await whoami(signing, token)
    await clock.advance(61)

    after = await whoami(signing, token)

    assert (before[0], after[0]) == (201, 401)
    assert (await review(signing, token))["error"] == "[invalid bearer token, service account token has expired]"


async def test_a_token_dies_with_its_account(signing):
    token = await token_of(signing)
    await signing("DELETE", f"{ACCOUNTS}/bot")
    deleted = await whoami(signing, token)
    await signing.create(ACCOUNTS, {"metadata": {"name": "bot"}})

    again = await whoami(signing, token)

    assert (deleted[0], again[0]) == (401, 401)


async def test_a_token_of_another_audience_is_not_taken_but_can_be_reviewed(signing):
    token = await token_of(signing, audiences=["vault"])

    assert (await whoami(signing, token))[0] == 401
    assert (await review(signing, token, audiences=["vault", "x"]))["audiences"] == ["vault"]
    assert (await review(signing, token))["error"] == (
        f'[invalid bearer token, token audiences ["vault"] is invalid for the target audiences ["{AUDIENCE}"]]'
    )


async def test_changed_claims_are_not_believed(signing):
    head, body, signature = (await token_of(signing)).split(".")
    claims = claims_of(f".{body}.")
    claims["sub"] = "system:serviceaccount:kube-system:root"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()

    assert (await whoami(signing, f"{head}.{forged}.{signature}"))[0] == 401


async def test_a_token_without_signature_is_not_believed(signing):
    _, body, _ = (await token_of(signing)).split(".")
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()

    assert (await whoami(signing, f"{head}.{body}."))[0] == 401


async def test_a_token_of_another_key_is_not_believed(signing):
    foreign = SigningKey(pem).sign(claims_of(await token_of(signing)))

    assert (await whoami(signing, foreign))[0] == 401


@pytest.mark.parametrize("text", ["a.b.c", "..", "ey.ey.ey", "e30.e30.", "W10.W10.W10", "é.é.é", "x" * 20000 + ".."])
async def test_what_is_no_token_is_refused(signing, text):
    assert (await whoami(signing, text))[0] == 401
    assert (await review(signing, text)) == {"user": {}, "error": "invalid bearer token"}


async def test_a_token_bound_to_a_pod_tells_pod_and_node_and_dies_with_the_pod(signing):
    made = await signing.create(PODS, pod("p", serviceAccountName="bot", nodeName="n1"))
    bound = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": made["metadata"]["uid"]}
    token = await token_of(signing, boundObjectRef=bound)
    _, user = await whoami(signing, token)
    await signing("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 0})

    after = await whoami(signing, token)

    extra = {name.rpartition("/")[2]: values for name, values in user["extra"].items()}
    assert (extra["pod-name"], extra["pod-uid"], extra["node-name"]) == (["p"], [made["metadata"]["uid"]], ["n1"])
    assert after[0] == 401


async def test_a_token_bound_to_a_secret_dies_when_the_secret_is_another(signing):
    await signing.create(SECRETS, {"metadata": {"name": "s"}})
    token = await token_of(signing, boundObjectRef={"apiVersion": "v1", "kind": "Secret", "name": "s"})
    before = await whoami(signing, token)
    await signing("DELETE", f"{SECRETS}/s")
    await signing.create(SECRETS, {"metadata": {"name": "s"}})

    after = await whoami(signing, token)

    assert (before[0], after[0]) == (201, 401)


async def test_a_kubelets_token_lives_a_year(signing, clock):
    await signing.create(PODS, pod("p", serviceAccountName="bot"))
    ref = {"apiVersion": "v1", "kind": "Pod", "name": "p"}

    claims = claims_of(await token_of(signing, boundObjectRef=ref, expirationSeconds=3607))

    assert claims["exp"] - claims["iat"] == 365 * 24 * 3600
    assert claims["kubernetes.io"]["warnafter"] - claims["iat"] == 3607


@pytest.mark.parametrize(
    ("ref", "code", "message"),
    [
        ({"apiVersion": "v1", "kind": "Pod", "name": "x"}, 404, 'pods "x" not found'),
        ({"apiVersion": "v1", "kind": "Secret", "name": "x"}, 404, 'secrets "x" not found'),
        ({"apiVersion": "apps/v1", "kind": "Pod"}, 400, "cannot bind token to object of type apps/v1, Kind=Pod"),
        (
            {"apiVersion": "v1", "kind": "Pod", "name": "other"},
            400,
            'cannot bind token for serviceaccount "bot" to pod running with different serviceaccount name.',
        ),
        (
            {"apiVersion": "v1", "kind": "Pod", "name": "own", "uid": "u"},
            409,
            'Operation cannot be fulfilled on Pod "own": the UID in the bound object reference (u) does not match '
            "the UID in record. The object might have been deleted and then recreated",
        ),
    ],
)
async def test_a_token_is_bound_only_to_what_is_there(signing, ref, code, message):
    await signing.create(PODS, pod("other"))
    await signing.create(PODS, pod("own", serviceAccountName="bot"))

    answer = await signing("POST", TOKEN, {"spec": {"boundObjectRef": ref}})

    assert (answer.status, answer.message) == (code, message)


async def test_a_request_for_another_uid_is_a_conflict(signing):
    answer = await signing("POST", TOKEN, {"metadata": {"uid": "u"}, "spec": {}})

    assert answer.status == 409
    assert "the UID in the token request (u) does not match the UID of the service account" in answer.message


async def test_a_token_cannot_be_asked_for_in_a_namespace_that_is_not_there(signing):
    answer = await signing("POST", "/api/v1/namespaces/none/serviceaccounts/bot/token", {"spec": {}})

    assert (answer.status, answer.message) == (404, 'namespaces "none" not found')


async def test_a_review_needs_a_token(signing):
    answer = await signing("POST", REVIEWS, {"spec": {}})

    assert (answer.status, answer.message) == (400, "token is required for TokenReview in authentication")


async def test_a_server_without_a_key_issues_no_tokens(api):
    await api.create(ACCOUNTS, {"metadata": {"name": "bot"}})

    assert (await api("POST", TOKEN, {"spec": {}})).status == 405
    assert (await api("GET", "/openid/v1/jwks")).status == 404


async def test_the_key_is_loaded_at_its_first_use(clock):
    calls = []

    def load():
        calls.append("loaded")
        return pem()

    server = ApiServer(core.Store(objects=True), clock=clock, identity=Identity(7), service_account_key=load)
    await server.bootstrap()
    client = Api(server)
    await client.create(ACCOUNTS, {"metadata": {"name": "bot"}})
    unused = list(calls)
    await token_of(client)
    await token_of(client)
    await server.close()

    assert (unused, calls) == ([], ["loaded"])
