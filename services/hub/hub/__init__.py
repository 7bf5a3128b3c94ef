"""The Migration Network Hub: virtual meetings and who comes to them."""
