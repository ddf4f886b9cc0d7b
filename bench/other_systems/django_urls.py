"""The routes of the Django peer."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.urls import path
from knox.auth import TokenAuthentication
from knox.models import AuthToken
from rest_framework.authtoken.serializers import AuthTokenSerializer
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.tokens import AccessToken
from rest_framework_simplejwt.views import TokenObtainPairView


class _NewUser(ModelSerializer):  # type: ignore[misc]
    class Meta:
        model = User
        fields = ("username", "password")


class Register(APIView):  # type: ignore[misc]
    """Creates an account."""

    authentication_classes = ()

    def post(self, request: Request) -> Response:
        """Create it."""
        wanted = _NewUser(data=request.data)
        wanted.is_valid(raise_exception=True)
        User.objects.create_user(**wanted.validated_data)
        return Response({"username": wanted.validated_data["username"]}, 201)


class Login(APIView):  # type: ignore[misc]
    """Exchanges a password for a knox token."""

    authentication_classes = ()

    def post(self, request: Request) -> Response:
        """Check the password and return a token."""
        given = AuthTokenSerializer(data=request.data, context={"request": request})
        given.is_valid(raise_exception=True)
        return Response({"token": AuthToken.objects.create(given.validated_data["user"])[1]})


class Check(APIView):  # type: ignore[misc]
    """Names the caller."""

    authentication_classes = (TokenAuthentication,)
    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        """Return the caller's name."""
        return Response({"email": request.user.username})


class Issue(Check):
    """Exchanges a valid knox token for a new one."""

    def get(self, request: Request) -> Response:
        """Return a new token."""
        return Response({"token": AuthToken.objects.create(request.user)[1]})


class JwtCheck(Check):
    """Names the caller of a JWT."""

    authentication_classes = (JWTAuthentication,)


class JwtIssue(JwtCheck):
    """Exchanges a valid JWT for a new one."""

    def get(self, request: Request) -> Response:
        """Return a new token."""
        return Response({"token": str(AccessToken.for_user(request.user))})


urlpatterns = [
    path("register", Register.as_view()),
    path("login", Login.as_view()),
    path("check", Check.as_view()),
    path("issue", Issue.as_view()),
    path("jwt/login", TokenObtainPairView.as_view()),
    path("jwt/check", JwtCheck.as_view()),
    path("jwt/issue", JwtIssue.as_view()),
]
