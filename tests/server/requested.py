"""
Requests that an app holds, so that a test can look at them.
"""

from __future__ import annotations

from typing import Any

from txfcgi import (
    Role,
)

from .conversation import Held, ServerTests

Pairs = list[tuple[bytes, bytes]]


class RequestTests(ServerTests):
    """
    Tests that look at the request that an app gets.
    """

    def begin(
        self, params: dict[str, str] | Pairs | None = None, role: int = Role.RESPONDER
    ) -> Any:
        """
        Begin a request.

        @return: What the app sees.
        """
        self.app = Held()
        self.server = self.serve(self.app)
        self.server.begin(1, params or {}, role=role)
        return self.app.requests[0]
