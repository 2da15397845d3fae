"""WhatsApp's own words in a chat (pictures left out, deletions, group notices), so that they are not taken for speech.

English, German, Spanish, French, Italian, Portuguese and Dutch; a text comes in, what it is comes out.
"""

import re

_THINGS = (
    "image|photo|picture|video(?: note)?|audio|voice message|sticker|gif|document|contact card|media|file|"
    "bild|foto|videonachricht|sprachnachricht|dokument|kontaktkarte|medien|datei|"
    "imagen|vídeo|audio|documento|tarjeta de contacto|multimedia|nota de vídeo|"
    "médias?|vidéo|fiche contact|carte de contact|fichier|"
    "immagine|scheda contatto|file multimediale|videomessaggio|"
    "imagem|áudio|figurinha|mídia|ficheiro|arquivo(?: de mídia)?|cartão do contato|cartão de contacto|"
    "afbeelding|videobericht|spraakbericht|contactkaart|bestand"
)
_LEFT_OUT = (
    "omitted|not included|weggelassen|ausgeschlossen|nicht enthalten|omitid[oa]s?|omis(?:e|es)?|absente?s?|omess[oaie]|"
    "non inclus[oa]|ocult[oa]s?|ocultad[oa]s?|não revelad[oa]|não incluíd[oa]|weggelaten|niet opgenomen"
)
_ATTACHED = "file attached|Datei angehängt|archivo adjunto|fichier joint|file allegato|arquivo anexado|ficheiro anexado|bestand bijgevoegd"
_ATTACHED_MARK = "attached|Anhang|angehängt|adjunto|pièce jointe|allegato|anexado|anexo|bijgevoegd|bijlage"

MEDIA = re.compile(
    rf"<(?:{_THINGS}) (?:{_LEFT_OUT})>|(?:[^\n]*\s•\s[^\n]*\s)?(?:{_THINGS}) (?:{_LEFT_OUT})"
    rf"|[^\n]+\.\w{{2,5}} \((?:{_ATTACHED})\)",
    re.IGNORECASE,
)
MEDIA_MARK = re.compile(rf"\s*<(?:{_ATTACHED_MARK})\s?: ?[^<>\n]+>", re.IGNORECASE)

DELETED = re.compile(
    r"(?:This message was deleted(?: by admin .*)?|You deleted this message(?: as admin)?|"
    r"Diese Nachricht wurde (?:von .* )?gelöscht|Du hast diese Nachricht gelöscht|"
    r"Se eliminó este mensaje|Este mensaje fue eliminado|Eliminaste este mensaje|Mensaje eliminado|"
    r"Ce message a été supprimé|(?:Vous avez|Tu as) supprimé ce message|"
    r"Questo messaggio è stato eliminato|Hai eliminato questo messaggio|"
    r"(?:Esta )?[Mm]ensagem (?:foi )?apagada|(?:Você )?[Aa]pag(?:ou|aste) esta mensagem|(?:Esta )?[Mm]ensagem eliminada|"
    r"Dit bericht (?:is|werd) verwijderd|(?:U hebt|Je hebt|U heeft) dit bericht verwijderd)\.?",
    re.IGNORECASE,
)

EDITED = re.compile(
    r"\s*<(?:This message was edited|Diese Nachricht wurde bearbeitet|Se editó este mensaje|Este mensaje fue editado|"
    r"Ce message a été modifié|Questo messaggio è stato modificato|(?:Esta )?mensagem (?:foi )?editada|"
    r"Dit bericht (?:is|werd) bewerkt)\.?>\s*$",
    re.IGNORECASE,
)

NOTICE_TEXT = re.compile(
    r"(?:Messages (?:and calls )?(?:to this (?:chat|group) (?:and calls )?)?are (?:now )?(?:secured with )?end-to-end|"
    r"Nachrichten und Anrufe sind Ende-zu-Ende|Nachrichten (?:in|an) dies\w* \w+ .*Ende-zu-Ende|"
    r"Los mensajes y las llamadas están cifrados|Les messages et (?:les )?appels sont chiffrés|"
    r"I messaggi e le chiamate sono crittografati|As mensagens e (?:as )?(?:chamadas|ligações) são|"
    r"Berichten en (?:gesprekken|oproepen) (?:zijn|worden) (?:end-to-end|eind-tot-eind)|"
    r"(?:Missed|Silenced) (?:group )?(?:voice|video) call|(?:Voice|Video) call,|Waiting for this message\.|"
    r"Verpasster (?:Sprach|Video)anruf|Llamada perdida|Videollamada perdida|Appel (?:vocal|vidéo) manqué|"
    r"Chiamata (?:vocale|video) persa|Videochiamata persa|(?:Chamada|Ligação) (?:de voz|de vídeo) perdida|"
    r"Gemiste (?:spraak|video)oproep)",
    re.IGNORECASE,
)

# In the place of a sender: a person who did something to the group ("Ana changed the subject from "a: b" to ...").
NOTICE_SENDER = re.compile(
    r"(?:\s(?:changed|created|added|removed|left|joined|turned (?:on|off)|pinned|updated|is now an? admin|was added|were added|"
    r"hat .*|haben .*|wurde .*|cambi(?:ó|aste)|cre(?:ó|aste)|añadi(?:ó|ste)|agreg(?:ó|aste)|elimin(?:ó|aste)|"
    r"a (?:modifié|changé|créé|ajouté|supprimé|quitté)|avez (?:modifié|changé|créé|ajouté)|"
    r"ha (?:cambiato|modificato|creato|aggiunto|rimosso|cambiado|creado|añadido)|hai (?:cambiato|modificato|creato|aggiunto)|"
    r"(?:alter|mud|cri|adicion|remov)ou|heeft .*|hebt .*)(?:\s|$))"
    r"|end-to-end|Ende-zu-Ende|extremo a extremo|bout en bout|ponta a ponta|(?:Your|Ihre|Deine) (?:security code|Sicherheits)",
    re.IGNORECASE,
)

_QUOTES = (('"', '"'), ("\u201c", "\u201d"), ("\u00ab", "\u00bb"), ("\u201e", "\u201c"))


def is_notice_sender(sender: str) -> bool:
    """Whether what stands before the colon is not a name: a group notice, or the colon stands inside quotes."""
    return len(sender) > 80 or bool(NOTICE_SENDER.search(sender)) or _opens_a_quote(sender)


def _opens_a_quote(text: str) -> bool:
    if text.count('"') % 2:
        return True
    return any(text.count(start) > text.count(end) for start, end in _QUOTES if start != end) and not (
        # The German pair closes with the English opening mark.
        "\u201e" in text and text.count("\u201e") == text.count("\u201c")
    )


def without_notices(text: str) -> tuple[str, str | None]:
    """The text as said, and why nothing of it is left (a reason) or None; a picture's caption is kept."""
    text = EDITED.sub("", text).strip()
    if DELETED.fullmatch(text):
        return "", "deleted messages"
    if NOTICE_TEXT.match(text):
        return "", "system notices"
    said = MEDIA_MARK.sub("", text)
    first, _, caption = said.partition("\n")
    if MEDIA.fullmatch(first.strip()):
        said = caption
    said = said.strip()
    if not said:
        return "", "pictures, sounds and files" if text else "messages without text"
    return said, None
