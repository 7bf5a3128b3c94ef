"""Keeps a copy of the trees and a record of everything it was told, in the order of being told."""
