"""
A FastAPI application behind a web server, over FastCGI. It keeps tasks, validates requests, and
documents itself under C{/docs}.

It needs FastAPI (C{pip install fastapi}). Start it, in the checkout, for a web server that passes
requests on to port 9000::

    twistd -n fcgi --port tcp:9000:interface=127.0.0.1 --mount / --asgi examples.asgi_fastapi:app

Then, through the web server::

    curl -H 'Content-Type: application/json' -d '{"text": "Buy milk"}' http://localhost/tasks
    curl http://localhost/tasks
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel


class Task(BaseModel):
    """
    Something to be done.
    """

    text: str
    done: bool = False


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """
    Make the state that lasts from before the first request until after the last. In a real
    application, this is the place for a database pool.
    """
    yield {"tasks": []}


app = FastAPI(title="Tasks", lifespan=lifespan)


@app.get("/tasks")
async def everything(request: Request) -> list[Task]:
    """
    All tasks.
    """
    tasks: list[Task] = request.state.tasks
    return tasks


@app.post("/tasks", status_code=201)
async def add(task: Task, request: Request) -> Task:
    """
    Add a task.
    """
    request.state.tasks.append(task)
    return task


@app.get("/tasks/{number}")
async def one(number: int, request: Request) -> Task:
    """
    One task, counted from 1.
    """
    tasks: list[Task] = request.state.tasks
    if not 1 <= number <= len(tasks):
        raise HTTPException(404, "no such task")
    return tasks[number - 1]
