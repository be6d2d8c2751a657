"""Enroll's own pages, as far as people need them to get to Sync Service: docs/enroll-api.md, "Signing in"."""

from html import escape
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from services.sandbox.errors import ApiError
from services.sandbox.world import World

COOKIE: Final = "enroll-sandbox-user"
SUBMIT: Final = "document.forms[0].submit();"


class EnrollSite:
    """Whoever opens it says who they are: it is a simulation."""

    def __init__(self, world: World, sync_url: str) -> None:
        self._world = world
        self._sync_url = sync_url.rstrip("/")

    def routes(self) -> list[Route]:
        return [
            Route("/", self.home, methods=["GET"]),
            Route("/sign-in", self.sign_in, methods=["GET", "POST"]),
            Route("/sync-service", self.manage, methods=["GET"]),
            Route("/sync-service/login", self.login, methods=["GET"]),
            Route("/sync-service/submit.js", self.script, methods=["GET"]),
        ]

    async def home(self, request: Request) -> Response:
        return RedirectResponse("/sync-service", 303)

    async def sign_in(self, request: Request) -> Response:
        """A choice of everybody there is."""
        if request.method == "POST":
            answer = RedirectResponse(_local(request.query_params.get("next", "/")), 303)
            answer.set_cookie(COOKIE, str((await request.form()).get("who", "")), httponly=True, samesite="lax")
            return answer
        choices = "".join(
            f'<p><label><input type="radio" name="who" value="{escape(f"{org.id}|{user}")}" required>'
            f"{escape(org.spec.names.get(user, user))}, {escape(org.spec.name or org.id)}</label></p>"
            for org in self._world.organizations()
            for user in org.spec.users
        )
        form = f'<form method="post">{choices or "<p>Nobody is here yet.</p>"}<button>Sign in to Enroll</button></form>'
        return _page("Sign in to Enroll (simulated)", form)

    async def manage(self, request: Request) -> Response:
        """Settings > Sync Service."""
        if self._who(request) is None:
            return RedirectResponse("/sign-in?next=/sync-service", 303)
        link = f'<p><a class="button" href="{escape(self._sync_url)}/login">Sync Service Login</a></p>'
        return _page(
            "Manage SIS Connections", f"{link}<p><a href='/sign-in?next=/sync-service'>Be somebody else</a></p>"
        )

    async def login(self, request: Request) -> Response:
        """Post a token for whoever is signed in here to the one address of Sync Service that we know."""
        who, nonce = self._who(request), request.query_params.get("nonce", "")
        if who is None:
            return RedirectResponse(f"/sign-in?next=/sync-service/login%3Fnonce%3D{nonce}", 303)
        org, user = who
        spec = self._world.organization(org).spec
        issuer = self._world.base_url or str(request.base_url).rstrip("/")
        claims = {"nonce": nonce, "name": spec.names.get(user, user), "org_name": spec.name or org}
        token = self._world.tokens.sign_in(issuer, org, user, claims)
        form = (
            f'<form method="post" action="{escape(self._sync_url)}/login">'
            f'<input type="hidden" name="token" value="{escape(token)}"><button>Go on to Sync Service</button></form>'
            '<script src="/sync-service/submit.js" defer></script>'
        )
        return _page("Sync Service Login", form)

    async def script(self, _: Request) -> Response:
        return Response(SUBMIT, media_type="text/javascript")

    def _who(self, request: Request) -> tuple[str, str] | None:
        """Organization and user; None where nobody, or nobody who is there, is signed in."""
        org, _, user = request.cookies.get(COOKIE, "").partition("|")
        try:
            self._world.permissions(org, user)
        except ApiError:
            return None
        return org, user


def _page(title: str, body: str) -> Response:
    text = f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title} · Enroll</title>"
    text += f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    return HTMLResponse(text, headers={"Cache-Control": "no-store"})


def _local(address: str) -> str:
    return address if address.startswith("/") and not address.startswith("//") else "/"
