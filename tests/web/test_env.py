"""
Tests of L{txfcgi.web.env}: what a back end hears of the web server in front of it.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txfcgi.cgiparams import PHPFPM
from txfcgi.web import EnvPolicy, FastCGIAgent, GatewayOptions, PHPResource

from .site import SiteCase, paramsIn, showParams


class EnvironmentTests(SynchronousTestCase):
    """
    Tests of L{EnvPolicy}.
    """

    def test_default(self) -> None:
        """
        It says what is true, and leaves REDIRECT_STATUS to what serves PHP.
        """
        said = {"GATEWAY_INTERFACE": "CGI/1.1", "SERVER_SOFTWARE": "txfcgi"}
        self.assertEqual(EnvPolicy().environment(), said)

    def test_own(self) -> None:
        """
        All of it can be said otherwise, and more be added.
        """
        policy = EnvPolicy(
            gatewayInterface="CGI/1.2",
            serverSoftware="nginx/1.22",
            redirectStatus="404",
            params={"APP_ENV": "test", "SERVER_SOFTWARE": "mine"},
        )
        self.assertEqual(
            policy.environment(),
            {
                "GATEWAY_INTERFACE": "CGI/1.2",
                "SERVER_SOFTWARE": "mine",
                "REDIRECT_STATUS": "404",
                "APP_ENV": "test",
            },
        )


class UseTests(SiteCase):
    """
    Where it is used.
    """

    async def test_gateway(self) -> None:
        """
        A gateway says the same with each request, but what it is told to say with one.
        """
        policy = EnvPolicy(serverSoftware="nginx/1.22", params={"APP_ENV": "test"})
        await self.gateway(showParams, GatewayOptions(env=policy, params={"APP_ENV": "last"}))
        params = paramsIn(await self.fetch())
        self.assertEqual((params["SERVER_SOFTWARE"], params["APP_ENV"]), ("nginx/1.22", "last"))

        def choose(request: Any) -> EnvPolicy | None:
            return None if request.uri == b"/" else EnvPolicy(serverSoftware=request.uri.decode())

        await self.gateway(showParams, GatewayOptions(env=policy, envFor=choose))
        self.assertEqual(paramsIn(await self.fetch())["SERVER_SOFTWARE"], "txfcgi")
        self.assertEqual(paramsIn(await self.fetch("/a"))["SERVER_SOFTWARE"], "/a")

    async def test_php(self) -> None:
        """
        PHP has a REDIRECT_STATUS of 200, unless another is asked for.
        """
        (self.folder / "a.php").write_text("<?php")
        client = await self.backEnd(showParams)
        for env, status in (
            (None, "200"),
            (EnvPolicy(), "200"),
            (EnvPolicy(redirectStatus="x"), "x"),
        ):
            options = GatewayOptions(env=env)
            await self.site(PHPResource(str(self.folder), client, None, options))
            self.assertEqual(paramsIn(await self.fetch("/a.php"))["REDIRECT_STATUS"], status)

    async def test_agent(self) -> None:
        """
        An Agent says the same with each request, and one made of it something else with one.
        """
        client = await self.backEnd(showParams)
        agent = FastCGIAgent(client, PHPFPM("/srv").params, EnvPolicy(serverSoftware="first"))
        for one, software in (
            (agent, "first"),
            (agent.withEnv(EnvPolicy(serverSoftware="second")), "second"),
            (agent.withEnv(None), "txfcgi"),
        ):
            response: Any = await one.request(b"GET", b"http://app/a.php")
            body = await response.content()
            self.assertIn(f"SERVER_SOFTWARE={software}\n".encode(), body + b"\n")
            self.assertIn(b"REDIRECT_STATUS=200", body)
