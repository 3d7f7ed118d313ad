"""
Applications with a home page and one more: what they make of a request whose path is all in
SCRIPT_NAME.
"""

from __future__ import annotations

from bottle import Bottle
from fastapi import FastAPI
from flask import Flask
from litestar import Litestar, get
from quart import Quart

bottle = Bottle()
bottle.get("/")(lambda: "home")
bottle.get("/item")(lambda: "item")

flask = Flask(__name__)
flask.get("/", endpoint="home")(lambda: "home")
flask.get("/item", endpoint="item")(lambda: "item")

fastapi = FastAPI()


@fastapi.get("/")
async def fastapiHome() -> str:
    """
    The home page.
    """
    return "home"


@fastapi.get("/item")
async def fastapiItem() -> str:
    """
    Another page.
    """
    return "item"


quart = Quart(__name__)


@quart.get("/")
async def quartHome() -> str:
    """
    The home page.
    """
    return "home"


@get("/")
async def litestarHome() -> str:
    """
    The home page.
    """
    return "home"


litestar = Litestar([litestarHome])
