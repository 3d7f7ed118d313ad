"""
A REST API: notes, kept in memory, as JSON.

Start it, in the checkout, for a web server that passes requests on to port 9000::

    twistd -n fcgi --port tcp:9000:interface=127.0.0.1 --app examples.rest_api.app

Then, through the web server::

    curl -X POST -d '{"text": "Buy milk"}' http://localhost/notes
    curl http://localhost/notes/1
    curl -X PUT -d '{"text": "Buy oat milk"}' http://localhost/notes/1
    curl http://localhost/notes
    curl -X DELETE http://localhost/notes/1
"""

import json
from itertools import count
from typing import Any

from txfcgi import ResponderRequest, Response


class NotANote(Exception):
    """
    The body of the request is not a note.
    """


def answer(code: int, content: Any, **headers: str) -> Response:
    """
    A response in JSON.
    """
    body = json.dumps(content).encode() + b"\n"
    return Response(code, {"Content-Type": "application/json", **headers}, body)


async def readText(request: ResponderRequest) -> str:
    """
    Read the text of a note.
    """
    try:
        note = json.loads(await request.stdin.read())
    except ValueError as error:
        raise NotANote(f"the body is not JSON: {error}") from error
    if not isinstance(note, dict) or not isinstance(note.get("text"), str):
        raise NotANote("a note looks like this: {'text': 'Buy milk'}")
    return str(note["text"])


class Notes:
    """
    The notes, and the requests for them.
    """

    def __init__(self) -> None:
        self._notes: dict[int, str] = {}
        self._numbers = count(1)

    async def __call__(self, request: ResponderRequest) -> Response:
        """
        Answer a request.
        """
        path = request.uri.partition("?")[0]
        try:
            if path == "/notes":
                return await self._all(request)
            number = path.removeprefix("/notes/")
            if number.isdecimal() and int(number) in self._notes:
                return await self._one(request, int(number))
        except NotANote as error:
            return answer(400, {"error": str(error)})
        return answer(404, {"error": f"{path} is not there"})

    async def _all(self, request: ResponderRequest) -> Response:
        if request.method in ("GET", "HEAD"):
            return answer(200, [self._show(number) for number in self._notes])
        if request.method == "POST":
            text = await readText(request)
            number = next(self._numbers)
            self._notes[number] = text
            return answer(201, self._show(number), Location=f"/notes/{number}")
        return answer(405, {"error": "not here"}, Allow="GET, HEAD, POST")

    async def _one(self, request: ResponderRequest, number: int) -> Response:
        if request.method in ("GET", "HEAD"):
            return answer(200, self._show(number))
        if request.method == "PUT":
            self._notes[number] = await readText(request)
            return answer(200, self._show(number))
        if request.method == "DELETE":
            del self._notes[number]
            return Response(204)
        return answer(405, {"error": "not here"}, Allow="GET, HEAD, PUT, DELETE")

    def _show(self, number: int) -> dict[str, Any]:
        return {"id": number, "text": self._notes[number]}


app = Notes()
