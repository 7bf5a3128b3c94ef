"""What a member was asked and took part in. The links themselves come by mail only."""

from common import web
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from surveys import store

router = APIRouter()


@router.get("/surveys")
async def my_surveys(request: Request, tx: web.Tx, viewer: web.MemberOnly) -> HTMLResponse:
    return web.render(request, "mine.html", surveys=await store.list_surveys_of(tx, viewer.member_id))
