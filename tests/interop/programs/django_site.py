"""
A Django site with the admin: sessions, CSRF, static files, uploads, an answer in pieces, and a page
that fails. Its database is gone when it ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

APPS = ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles")
MIDDLEWARE = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
)
PROCESSORS = (
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
)

FOLDER = TemporaryDirectory(prefix="django-")

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{FOLDER.name}/site.sqlite"}
    },
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=[f"django.contrib.{name}" for name in APPS],
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "root": {"handlers": ["console"]},
    },
    MIDDLEWARE=MIDDLEWARE,
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="for these tests",
    STATIC_URL="static/",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": PROCESSORS},
        }
    ],
)
django.setup()

# These need the apps above.
from django.contrib import admin  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.staticfiles.views import serve  # noqa: E402


def hello(request: HttpRequest) -> HttpResponse:
    """
    Say where this is.
    """
    return JsonResponse({"script": request.META["SCRIPT_NAME"], "path": request.path_info})


@csrf_exempt
def upload(request: HttpRequest) -> HttpResponse:
    """
    Take a file.
    """
    digest = hashlib.sha256()
    for chunk in request.FILES["file"].chunks():
        digest.update(chunk)
    return HttpResponse(digest.hexdigest())


def stream(request: HttpRequest) -> HttpResponse:
    """
    Answer in pieces.
    """

    def pieces() -> Iterator[str]:
        for number in range(1_000):
            yield f"{number:09}\n"

    return StreamingHttpResponse(pieces(), content_type="text/plain")


def fail(request: HttpRequest) -> HttpResponse:
    """
    Fail.
    """
    raise ValueError("as it has to")


urlpatterns: list[Any] = [
    path("admin/", admin.site.urls),
    path("hello/<str:name>", lambda request, name: hello(request)),
    path("upload", upload),
    path("stream", stream),
    path("fail", fail),
    path("static/<path:path>", serve, {"insecure": True}),
]

call_command("migrate", verbosity=0)
User.objects.create_superuser("ada", password="secret")
application = get_wsgi_application()
