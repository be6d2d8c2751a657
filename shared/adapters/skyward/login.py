"""How Skyward lets a client in. Source: SIS facts, 3.2.

The life of a token is not documented: its end shows as a 403, or as a body that says so.
"""

import httpx

from shared.adapters.sis_http import ClientCredentials, SisHttp

EXPIRED = b"Token has expired"


class SkywardLogin(ClientCredentials):
    """Client credentials; first with Basic, then in the form, as servers differ."""

    def stale(self, response: httpx.Response) -> bool:
        return response.status_code in (401, 403) or EXPIRED in response.content[:2000]

    async def _ask(self, http: SisHttp) -> httpx.Response:
        response = await super()._ask(http)
        if response.status_code not in (400, 401, 403):
            return response
        login = {"client_id": self.client_id, "client_secret": self.client_secret}
        return await http.send("POST", self.url, data={"grant_type": "client_credentials", **login})
