"""
A Django site in one file. For a project made by ``django-admin startproject mysite``, use
``--wsgi mysite.wsgi:application``.

Start it, in the checkout, for a web server that passes requests on to a Unix socket::

    twistd -n fcgi --port unix:/tmp/app.sock --mount / --wsgi examples.wsgi_django:application

It needs ``pip install django``.
"""

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path, reverse

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="a secret of your own",
)
django.setup()


def home(request: HttpRequest) -> HttpResponse:
    """
    Link to the other page, wherever the site is mounted.
    """
    return HttpResponse(f'<a href="{reverse("about")}">About</a>\n')


def about(request: HttpRequest) -> JsonResponse:
    """
    Show the path and the query.
    """
    return JsonResponse({"path": request.path, "query": request.GET.dict()})


urlpatterns = [path("", home), path("about/", about, name="about")]
application = get_wsgi_application()
