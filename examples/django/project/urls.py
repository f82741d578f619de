"""Addresses of the project."""

from archives import views
from django.urls import path

urlpatterns = [
    path("archives/<str:year>/", views.order),
    path("lots/<uuid:lot_id>/", views.show),
]
